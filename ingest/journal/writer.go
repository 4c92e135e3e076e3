package journal

import (
	"crypto/rand"
	"encoding/binary"
	"path/filepath"
)

// run writes one group after the other. A group is written only after the sync
// of the one before has returned, so at most the last frame of a file can be
// torn.
func (j *Journal) run() {
	defer close(j.ended)
	for g := j.take(); g != nil; g = j.take() {
		g.err = j.write(g)
		j.mu.Lock()
		j.writing = 0
		if cap(g.buf) <= keptBuffer {
			j.spare = g.buf
		}
		j.mu.Unlock()
		g.buf = nil
		if g.err != nil {
			// A Release in the meantime had to leave the file to this group.
			_ = j.Release(0)
		}
		close(g.done)
	}
}

// write makes a group durable.
func (j *Journal) write(g *group) error {
	s, err := j.segmentFor(int64(len(g.buf)))
	if err != nil {
		return err
	}
	g.first = j.next
	at := j.o.Now().UnixNano()
	sealFrame(g.buf, s.salt, g.first, at, g.count)
	if _, err := j.file.WriteAt(g.buf, s.good); err != nil {
		j.cutBack(s, g)
		return failure("write to "+s.path, err)
	}
	if err := j.file.Sync(); err != nil {
		j.abandon(s, g, err)
		return failure("sync "+s.path, err)
	}
	j.mu.Lock()
	fr := frame{first: g.first, count: g.count, at: at, raw: g.buf}
	s.add(fr, s.good)
	s.disk = s.good
	j.bytes += fr.size()
	j.appended = fr.last()
	j.next = fr.last() + 1
	j.mu.Unlock()
	select {
	case j.news <- struct{}{}:
	default: // the reader has not yet seen the news before
	}
	return nil
}

// segmentFor is the segment that takes a frame of that size.
func (j *Journal) segmentFor(size int64) (*segment, error) {
	j.mu.Lock()
	s := j.active
	if s != nil && !s.empty() && s.good+size > j.o.SegmentBytes {
		j.seal()
		s = nil
	}
	j.mu.Unlock()
	if s != nil {
		return s, nil
	}
	return j.begin()
}

// seal ends the active segment; what is in it is durable. The caller holds
// j.mu.
func (j *Journal) seal() {
	if err := j.file.Close(); err != nil {
		j.o.Log.Debug("journal: close a segment", "file", j.active.path, "error", err)
	}
	j.active, j.file = nil, nil
}

// begin makes a new segment. Its header and its name are durable before the
// first frame is written, so a file with frames and a bad header is damage.
func (j *Journal) begin() (*segment, error) {
	j.mu.Lock()
	h := header{salt: j.salt(), first: j.next, after: j.appended}
	j.mu.Unlock()
	path := segmentPath(j.o.Dir, h.first)
	f, err := j.o.Files.Create(path)
	if err != nil {
		return nil, failure("create "+path, err)
	}
	_, err = f.WriteAt(h.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.o.Files.SyncDir(j.o.Dir)
	}
	if err != nil {
		_ = f.Close()
		if j.o.Files.Remove(path) != nil {
			j.mu.Lock()
			j.next++ // the name stays taken
			j.mu.Unlock()
		}
		return nil, failure("begin "+path, err)
	}
	s := &segment{path: path, salt: h.salt, first: h.first, last: h.first - 1, good: segmentHeader, disk: segmentHeader}
	j.mu.Lock()
	j.segments = append(j.segments, s)
	j.bytes += s.disk
	j.active, j.file = s, f
	j.mu.Unlock()
	return s, nil
}

// cutBack takes a group that was not written whole off the file again. Where
// that fails too, the file is given up.
func (j *Journal) cutBack(s *segment, g *group) {
	err := j.file.Truncate(s.good)
	if err == nil {
		// Durable before its numbers are given to another group.
		err = j.file.Sync()
	}
	if err != nil {
		j.abandon(s, g, err)
	}
}

// abandon gives a file up: after a sync that failed nobody knows what of it is
// on the disk, and another sync would not tell. The group's numbers are not
// given again, because its frame may be found after a restart.
func (j *Journal) abandon(s *segment, g *group, cause error) {
	j.o.Log.Warn("journal: a segment is given up after an error; the next group begins a new one",
		"file", filepath.Base(s.path), "error", cause)
	_ = j.file.Truncate(s.good) // helps where it works; nothing depends on it
	disk, err := j.file.Size()
	if err != nil {
		disk = s.good + int64(len(g.buf))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seal()
	j.bytes += disk - s.disk
	s.disk = disk
	j.next = g.first + uint64(g.count)
	// A disk that fails every sync must not fill the folder with empty files.
	if s.empty() && j.o.Files.Remove(s.path) == nil {
		j.drop(s)
	}
}

// randomSalt is never anySalt.
func randomSalt() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) | 1
}
