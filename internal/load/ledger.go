package load

import "sync"

// What the program says became of a row.
const (
	Stored    = "stored"
	Duplicate = "duplicate"
)

// Ledger is what was acknowledged of one world, each number once. It may be
// used by several goroutines.
type Ledger struct {
	// World is whose rows these are.
	World World

	mu                sync.Mutex
	answers, episodes map[uint64]bool
	stored            int
}

// NewLedger returns an empty one.
func NewLedger(w World) *Ledger {
	return &Ledger{World: w, answers: map[uint64]bool{}, episodes: map[uint64]bool{}}
}

// note enters an acknowledged parcel; fates says of each row what became of it.
func (l *Ledger) note(p Parcel, fates []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.answers
	if p.Episodes {
		list = l.episodes
	}
	for i, n := range p.Numbers {
		list[n] = true
		if !p.Episodes && fates[i] == Stored {
			l.stored++
		}
	}
}

// Imported enters all episodes and answers of people from..to−1, that the
// program reported as imported from a file.
func (l *Ledger) Imported(from, to uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for person := from; person < to; person++ {
		l.episodes[person] = true
		for s := range Slots {
			l.answers[person*Slots+s] = true
		}
	}
}

// Answers is how many different answers were acknowledged.
func (l *Ledger) Answers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// Stored is how many acknowledgements of answers said that it was new. Where
// the engine was away an answer that came again may be among them twice.
func (l *Ledger) Stored() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored
}
