package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
)

// Names beside the segments. The spare is the file that becomes the next
// checkpoint: it is there before it is needed, so that a full disk does not keep
// Release from making room, and it holds a copy of the present one.
const (
	checkpointName = "checkpoint"
	spareName      = "checkpoint.next"

	checkpointMagic = "LMBRJCKP"
	checkpointBytes = 44
)

// checkpoint is what is remembered apart from the segments:
//
//	 0  magic "LMBRJCKP"     16  released     32  last
//	 8  version, 1           24  acknowledged 40  CRC-32C of 0–39
//	12  0
type checkpoint struct {
	released uint64 // all up to it are stored elsewhere
	acked    uint64 // was acknowledged when this was written
	last     uint64 // the highest number given to anything
}

// errNoCheckpoint says that a file is no whole checkpoint.
var errNoCheckpoint = errors.New("no whole checkpoint")

func (c checkpoint) encode() []byte {
	b := make([]byte, checkpointBytes)
	copy(b, checkpointMagic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], c.released)
	binary.LittleEndian.PutUint64(b[24:], c.acked)
	binary.LittleEndian.PutUint64(b[32:], c.last)
	binary.LittleEndian.PutUint32(b[40:], crc32.Checksum(b[:40], castagnoli))
	return b
}

func decodeCheckpoint(f io.ReaderAt) (checkpoint, error) {
	b := make([]byte, checkpointBytes)
	if _, err := f.ReadAt(b, 0); err != nil {
		return checkpoint{}, shortIs(err, errNoCheckpoint)
	}
	if string(b[:8]) != checkpointMagic || crc32.Checksum(b[:40], castagnoli) != binary.LittleEndian.Uint32(b[40:]) {
		return checkpoint{}, errNoCheckpoint
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return checkpoint{}, fmt.Errorf("it has version %d and this program reads version %d: start the version of the program that wrote it", v, version)
	}
	c := checkpoint{
		released: binary.LittleEndian.Uint64(b[16:]),
		acked:    binary.LittleEndian.Uint64(b[24:]),
		last:     binary.LittleEndian.Uint64(b[32:]),
	}
	if c.released > c.last || c.acked > c.last || c.last > highestNumber {
		return checkpoint{}, errNoCheckpoint
	}
	return c, nil
}

// readCheckpoint is false where there is no whole checkpoint.
func readCheckpoint(files FileSystem, path string) (c checkpoint, ok bool, err error) {
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err == nil {
		defer f.Close()
		c, err = decodeCheckpoint(f)
	}
	if errors.Is(err, errNoCheckpoint) {
		return checkpoint{}, false, nil
	}
	if err != nil {
		return c, false, failure("read "+path, err)
	}
	return c, true, nil
}

// saveCheckpoint returns after the checkpoint is durable.
func (j *Journal) saveCheckpoint(c checkpoint) error {
	path, spare := filepath.Join(j.o.Dir, checkpointName), filepath.Join(j.o.Dir, spareName)
	f, err := j.o.Files.Open(spare)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = j.o.Files.Create(spare)
	}
	if err != nil {
		return failure("write the checkpoint", err)
	}
	// Every byte is written anew, so a sync that failed before does no harm.
	_, err = f.WriteAt(c.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = j.o.Files.Rename(spare, path)
	}
	if err == nil {
		err = j.o.Files.SyncDir(j.o.Dir)
	}
	if err != nil {
		return failure("write the checkpoint", err)
	}
	j.saved = c
	j.prepareSpare()
	return nil
}

// prepareSpare makes the file for the next checkpoint. It need not succeed:
// without it the next checkpoint begins a new file.
func (j *Journal) prepareSpare() {
	f, err := j.o.Files.Create(filepath.Join(j.o.Dir, spareName))
	if err == nil {
		_, err = f.WriteAt(j.saved.encode(), 0)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		j.o.Log.Debug("journal: no room is kept for the next checkpoint", "error", err)
	}
}
