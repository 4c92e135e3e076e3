package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// putChecksum fills in the last four bytes of a header or checkpoint.
func putChecksum(b []byte) {
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
}

// golden is how version 1 was written: five entries in three groups, each in a
// file of its own; the first is released and its file is gone. The files in
// testdata/v1 must be read for ever; a new version gets a folder of its own.
func golden(t *testing.T, files FileSystem, folder string) {
	t.Helper()
	at := time.Date(2026, 3, 29, 1, 30, 0, 5, time.UTC)
	j := mustOpen(t, Options{Dir: folder, Files: files, SegmentBytes: 100, Now: func() time.Time { at = at.Add(time.Minute); return at }})
	salt := uint64(0x0102030405060707)
	j.salt = func() uint64 { salt += 2; return salt }
	mustAppend(t, j, "first")
	j.mu.Lock()
	var last *group
	for _, body := range []string{"second", "", "\x00fourth\xff"} {
		last, _, _, _ = j.joinLocked([]byte(body))
	}
	j.mu.Unlock()
	<-last.done
	if err := j.Release(1); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, "fifth")
	mustClose(t, j)
}

func TestVersion1IsStillRead(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "v1"))); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, Options{Dir: folder})
	defer j.Close()
	if got, want := drain(t, j), "2=second 3= 4=\x00fourth\xff 5=fifth"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	st := j.State()
	if want := time.Date(2026, 3, 29, 1, 32, 0, 5, time.UTC); st.Appended != 5 || st.Released != 1 || !st.Oldest.Equal(want) {
		t.Errorf("State = %+v", st)
	}
}

func TestVersion1IsWhatIsWritten(t *testing.T) {
	d := newDisk()
	golden(t, d, dir)
	names, err := filepath.Glob(filepath.Join("testdata", "v1", "*"))
	if err != nil || len(names) != len(d.names) {
		t.Fatalf("testdata/v1 holds %v (%v), and %d files are written", names, err, len(d.names))
	}
	for _, name := range names {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.names[filepath.Join(dir, filepath.Base(name))]; got == nil || !bytes.Equal(got.now, want) {
			t.Errorf("%s is not what is written now", name)
		}
	}
}

// FuzzSegment opens a journal whose one segment is anything. With seal the
// checksums of header and first frame are made right, so that what lies behind
// them is reached.
func FuzzSegment(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "v1", "*.log"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no golden segments: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true, false)
		f.Add(b, false, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, seal, salvage bool) {
		first := uint64(2)
		if seal && len(b) >= segmentHeader {
			copy(b, segmentMagic)
			binary.LittleEndian.PutUint32(b[8:], version)
			binary.LittleEndian.PutUint64(b[24:], first)
			putChecksum(b[:segmentHeader])
			sealAny(b[segmentHeader:], binary.LittleEndian.Uint64(b[16:]))
		}
		name := segmentPath(dir, first)
		if salvage {
			name += salvageSuffix
		}
		d := newDisk()
		d.names[name] = &inode{now: b, durable: bytes.Clone(b), dirty: map[int]bool{}}
		d.kept = maps.Clone(d.names)
		j, err := Open(Options{Dir: dir, Files: d})
		if err != nil {
			return
		}
		defer j.Close()
		before, size := uint64(0), 0
		for j.Reader().Ready() {
			e, err := j.Reader().Next(context.Background())
			if err != nil {
				t.Fatalf("Next after an Open that went well: %v", err)
			}
			if e.Number <= before {
				t.Fatalf("number %d after %d", e.Number, before)
			}
			before = e.Number
			size += len(e.Body)
		}
		if size > len(b) {
			t.Fatalf("%d bytes of entries in a file of %d", size, len(b))
		}
		if before >= highestNumber-1 {
			return
		}
		if n, err := j.Append(context.Background(), []byte("next")); err != nil || n <= before {
			t.Fatalf("Append: number %d, %v after %d", n, err, before)
		}
	})
}

// sealAny makes the first frame right where its length allows it.
func sealAny(b []byte, salt uint64) {
	if len(b) < frameHeader {
		return
	}
	n := uint64(frameHeader) + uint64(binary.LittleEndian.Uint32(b[4:]))
	if n > uint64(len(b)) {
		n = uint64(len(b))
	}
	sealFrame(b[:n], salt, binary.LittleEndian.Uint64(b[16:]), int64(binary.LittleEndian.Uint64(b[24:])), binary.LittleEndian.Uint32(b[32:]))
}
