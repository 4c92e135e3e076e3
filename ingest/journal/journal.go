package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Journal is an open journal. Its methods may be called at the same time; of
// Reader there is one.
type Journal struct {
	o      Options
	salt   func() uint64
	reader *Reader
	news   chan struct{} // one token: a group became durable
	closed chan struct{}
	ended  chan struct{} // the writer has returned

	// releasing is held by Release and the end of Close, before mu.
	releasing sync.Mutex
	saved     checkpoint // guarded by releasing

	mu       sync.Mutex
	work     *sync.Cond // somebody joined the open group, or closing
	closing  bool
	open     *group
	turn     chan struct{} // closed when the next group opens; nil: nobody waits
	spare    []byte        // a buffer for the next group
	writing  int64         // bytes that the group under way may take; 0: none is
	segments []*segment    // in order
	active   *segment      // the last one, while it takes frames
	file     File          // of active
	next     uint64        // number of the next entry
	appended uint64
	released uint64
	bytes    int64
}

// The folders that are open in this process on the machine's own files.
var (
	inUse   = map[string]bool{}
	inUseMu sync.Mutex
)

// Open opens the journal in a folder and makes it when absent. A torn end is cut
// off with a warning; where entries that may have been acknowledged can not be
// read, the error is a DamagedError and nothing was changed. A folder can be
// open once in a process.
func Open(o Options) (*Journal, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := occupy(o); err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, salt: randomSalt, open: newGroup(nil),
		news: make(chan struct{}, 1), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	j.work = sync.NewCond(&j.mu)
	j.reader = &Reader{j: j}
	if err := j.recover(); err != nil {
		vacate(o)
		return nil, err
	}
	go j.run()
	return j, nil
}

// Reader returns the journal's one reader. It stands at the first entry that was
// not released when the journal was opened, or where it was left.
func (j *Journal) Reader() *Reader { return j.reader }

// State says how much waits.
func (j *Journal) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	st := State{Appended: j.appended, Released: j.released, Bytes: j.bytes}
	if s := j.unreleased(); s != nil {
		st.Oldest = time.Unix(0, s.find(j.released+1).at)
	}
	return st
}

// unreleased is the first segment with entries that are not released, or nil.
// The caller holds j.mu.
func (j *Journal) unreleased() *segment {
	for _, s := range j.segments {
		if !s.empty() && s.last > j.released {
			return s
		}
	}
	return nil
}

// Close waits for the appends under way and closes the files. What is not
// released is there when the journal is opened again. Closing twice is harmless.
func (j *Journal) Close() error {
	j.mu.Lock()
	first := !j.closing
	if first {
		j.closing = true
		close(j.closed)
		j.nextTurn()
		j.work.Broadcast()
	}
	j.mu.Unlock()
	<-j.ended
	if !first {
		return nil
	}
	j.releasing.Lock()
	defer j.releasing.Unlock()
	defer vacate(j.o)
	// What was acknowledged is noted, so that its loss is seen at the next Open.
	if c := j.mark(); c != j.saved {
		if err := j.saveCheckpoint(c); err != nil {
			j.o.Log.Warn("journal: closed without a checkpoint; released entries may be read again", "error", err)
		}
	}
	err := j.reader.close()
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.active, j.file = nil, nil
	}
	if err != nil {
		return fmt.Errorf("journal: close: %w", err)
	}
	return nil
}

// occupy refuses a second Open of a folder on the machine's own files.
func occupy(o Options) error {
	if o.Files != (machine{}) {
		return nil
	}
	inUseMu.Lock()
	defer inUseMu.Unlock()
	if inUse[o.Dir] {
		return fmt.Errorf("journal: %s is open in this process already: close it first", o.Dir)
	}
	inUse[o.Dir] = true
	return nil
}

func vacate(o Options) {
	if o.Files != (machine{}) {
		return
	}
	inUseMu.Lock()
	defer inUseMu.Unlock()
	delete(inUse, o.Dir)
}
