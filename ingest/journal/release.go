package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// shrinkMost bounds what a journal keeps on the disk when all is released.
const shrinkMost = 4 << 20

// shrinkBytes is the size from which the active file is dropped too when all in
// it is released.
func (j *Journal) shrinkBytes() int64 { return min(shrinkMost, j.o.SegmentBytes/4) }

// Release says that all entries up to a number are stored elsewhere. It returns
// after that is durable and the files that hold nothing else are gone. A number
// below an earlier one is no error. After an error the entries may come again
// when the journal is next opened; calling it again is harmless.
func (j *Journal) Release(number uint64) error {
	j.releasing.Lock()
	defer j.releasing.Unlock()
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		return ErrClosed
	}
	if number > j.appended {
		defer j.mu.Unlock()
		return fmt.Errorf("journal: release of number %d, but %d is the last: release only what Next gave", number, j.appended)
	}
	j.released = max(j.released, number)
	c, gone := j.mark(), j.obsolete()
	j.mu.Unlock()
	if c.released > j.saved.released || len(gone) > 0 {
		if err := j.saveCheckpoint(c); err != nil {
			return err
		}
	}
	return j.remove(gone)
}

// mark is the present checkpoint. The caller holds j.mu.
func (j *Journal) mark() checkpoint {
	return checkpoint{released: j.released, acked: j.appended, last: j.next - 1}
}

// obsolete lists the segments of which all is released and forgets what leads
// to released entries. The active one is sealed when it is among them. The
// caller holds j.mu.
func (j *Journal) obsolete() []*segment {
	var gone []*segment
	for _, s := range j.segments {
		switch {
		case max(s.last, s.keep) > j.released:
			s.forget(j.released)
			return gone
		case s != j.active:
			gone = append(gone, s)
		case j.writing == 0 && s.good >= j.shrinkBytes() && !s.empty():
			j.seal()
			gone = append(gone, s)
		}
	}
	return gone
}

// remove removes files whose entries a durable checkpoint says are released.
func (j *Journal) remove(gone []*segment) error {
	if len(gone) == 0 {
		return nil
	}
	for _, s := range gone {
		if err := j.o.Files.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failure("remove "+s.path, err)
		}
		j.mu.Lock()
		j.drop(s)
		j.mu.Unlock()
	}
	if err := j.o.Files.SyncDir(j.o.Dir); err != nil {
		return failure("sync "+j.o.Dir, err)
	}
	return nil
}

// drop takes a segment whose file is gone off the list. The caller holds j.mu.
func (j *Journal) drop(s *segment) {
	if s.removed {
		return
	}
	s.removed = true
	j.bytes -= s.disk
	j.segments = slices.DeleteFunc(j.segments, func(o *segment) bool { return o == s })
}
