package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Reader gives the entries in order, each once until Rewind. It sees only what
// is durable, and nothing that is released. It is for one goroutine.
type Reader struct {
	j *Journal

	mu   sync.Mutex // held while file is in use: Close may come at any time
	file File
	seg  *segment // of file

	offset int64  // of the next frame in seg
	want   uint64 // number that it begins with; 0 where that is not known

	rest   []byte // entries of the group that are not yet given
	left   uint32
	number uint64 // of the first of them
	at     time.Time
}

// Next waits for an entry. An error is that of ctx, ErrClosed, a DamagedError
// where a group went bad on the disk, or what the disk says; calling it again
// after an error tries again at the same place.
func (r *Reader) Next(ctx context.Context) (Entry, error) {
	for {
		if r.isClosed() {
			return Entry{}, ErrClosed
		}
		if e, ok := r.give(); ok {
			return e, nil
		}
		more, err := r.load()
		if err != nil {
			return Entry{}, err
		}
		if more {
			continue
		}
		select {
		case <-r.j.news:
		case <-r.j.closed:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}

// Ready says whether Next would not wait.
func (r *Reader) Ready() bool {
	j := r.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closing {
		return true
	}
	if r.left > 0 && r.number+uint64(r.left)-1 > j.released {
		return true
	}
	s, _, _ := r.place()
	return s != nil
}

// Rewind goes back to the first entry that is not released.
func (r *Reader) Rewind() error {
	if r.isClosed() {
		return ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left, r.rest, r.seg = 0, nil, nil
	return r.leave()
}

func (r *Reader) isClosed() bool {
	select {
	case <-r.j.closed:
		return true
	default:
		return false
	}
}

// give takes the next entry of the group that was read.
func (r *Reader) give() (Entry, bool) {
	if r.left == 0 {
		return Entry{}, false
	}
	r.j.mu.Lock()
	released := r.j.released
	r.j.mu.Unlock()
	for r.left > 0 {
		e := Entry{Number: r.number, At: r.at}
		e.Body, r.rest = cutEntry(r.rest)
		r.left--
		r.number++
		if e.Number > released {
			return e, true
		}
	}
	r.rest = nil
	return Entry{}, false
}

// place is the segment and the place in it of the next frame; nil where there is
// none yet. The caller holds Journal.mu.
func (r *Reader) place() (s *segment, offset int64, want uint64) {
	j := r.j
	if r.seg == nil || r.seg.removed || r.seg.last <= j.released {
		// At the beginning, or overtaken by Release.
		s = j.unreleased()
		if s == nil {
			return nil, 0, 0
		}
		if r.seg == nil || s.first > r.seg.first {
			p := s.find(j.released + 1)
			return s, p.offset, p.number
		}
	}
	if offset = r.seg.skip(r.offset); offset < r.seg.good {
		if offset != r.offset {
			return r.seg, offset, 0
		}
		return r.seg, offset, r.want
	}
	for _, s := range j.segments {
		if s.first > r.seg.first && !s.empty() {
			return s, s.points[0].offset, s.points[0].number
		}
	}
	return nil, 0, 0
}

// load reads the next group, if there is one.
func (r *Reader) load() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.j
	j.mu.Lock()
	s, offset, want := r.place()
	var limit int64
	var last uint64
	if s != nil {
		limit, last = s.good, s.last
	}
	j.mu.Unlock()
	if s == nil {
		return false, nil
	}
	if r.isClosed() {
		return false, ErrClosed
	}
	if err := r.enter(s, offset, want); err != nil {
		if j.isRemoved(s) {
			return true, nil // released in the meantime
		}
		return false, failure("open "+s.path, err)
	}
	fr, _, err := readFrame(r.file, offset, limit, s.salt, nil)
	switch {
	case errors.Is(err, errNoFrame):
		return false, r.damaged(s, offset, want, "a group that was whole is not whole any more")
	case err != nil:
		return false, failure(fmt.Sprintf("read %s at offset %d", s.path, offset), err)
	case want != 0 && fr.first != want || fr.first < s.first || fr.last() > last:
		return false, r.damaged(s, offset, want, "a group has numbers that do not follow")
	}
	r.rest, r.left, r.number, r.at = fr.payload(), fr.count, fr.first, time.Unix(0, fr.at)
	r.offset, r.want = offset+fr.size(), fr.last()+1
	return true, nil
}

// damaged is the error for a frame that went bad after it was written.
func (r *Reader) damaged(s *segment, offset int64, want uint64, wrong string) *DamagedError {
	return &DamagedError{File: s.path, Offset: offset, First: want, Wrong: wrong, Salvage: salvageName(s.first)}
}

// enter opens the file of a segment, if it is not the one that is open.
func (r *Reader) enter(s *segment, offset int64, want uint64) error {
	if r.seg != s || r.file == nil {
		if err := r.leave(); err != nil {
			r.j.o.Log.Debug("journal: close a segment", "error", err)
		}
		f, err := r.j.o.Files.Open(s.path)
		if err != nil {
			return err
		}
		r.file, r.seg = f, s
	}
	r.offset, r.want = offset, want
	return nil
}

// leave closes the file that is open.
func (r *Reader) leave() error {
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

func (r *Reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leave()
}

func (j *Journal) isRemoved(s *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return s.removed
}
