package read

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// ErrSwitched says that a re-score changed what is current while a question was
// on its way: the same question can be asked again at once.
var ErrSwitched = errors.New("the scores were switched to another algorithm or value set meanwhile: ask again")

// current is the catalogue by which outcome is filled. A statement holds the
// lock while the engine works on it, so that none meets an outcome of another
// catalogue than it was written for.
type current struct {
	catalogue atomic.Pointer[schema.Catalogue]
	lock      sync.RWMutex
	switches  atomic.Uint64
	lost      atomic.Bool
}

func (r *Reader) catalogue() *schema.Catalogue { return r.current.catalogue.Load() }

// enter lets a statement run until leave is called.
func (r *Reader) enter(s *statement) (leave func(), err error) {
	r.current.lock.RLock()
	switch {
	case r.current.lost.Load():
		err = errors.New("store: the engine was lost while the scores were switched: restart the program, which completes the switch")
	case s.catalogue != r.catalogue():
		err = fmt.Errorf("store: %w", ErrSwitched)
	default:
		return r.current.lock.RUnlock, nil
	}
	r.current.lock.RUnlock()
	return nil, err
}

// Switch makes another catalogue current at the moment in which exchange puts
// its outcome in place: no statement runs meanwhile. exchange says whether the
// new outcome is there. Where that can not be known the reader takes no more
// questions: a number in another unit than its catalogue's would be wrong.
func (r *Reader) Switch(next *schema.Catalogue, exchange func() (done, known bool)) {
	r.current.lock.Lock()
	defer r.current.lock.Unlock()
	done, known := exchange()
	r.current.lost.Store(!known)
	if known && done {
		r.current.catalogue.Store(next)
		r.current.switches.Add(1)
	}
}

// Switches counts how often what is current has changed: two answers between
// which it did not are of one catalogue.
func (r *Reader) Switches() uint64 { return r.current.switches.Load() }

// CurrentScore returns the score that stands for an instrument in a programme:
// under the algorithm and value set that are current there.
func (r *Reader) CurrentScore(programme string, instrument instruments.ID) (*instruments.Score, bool) {
	return r.catalogue().Current(programme, instrument)
}

// ScoreOf returns the score behind a column's stem (odi,
// eq5d5l_uk5l_rowen2026): the one that is current, whose unit and rules hold.
func (r *Reader) ScoreOf(column string) (*instruments.Score, bool) {
	return r.catalogue().ScoreOf(column)
}
