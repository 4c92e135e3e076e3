package journal

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// history is what is known of a journal from outside, over all its lives.
type history struct {
	d        *disk
	j        *Journal
	o        Options
	fail     func(op, name string) (int, error)
	acked    map[uint64]string // acknowledged, by number
	maybe    map[string]bool   // tried, and not acknowledged
	highest  uint64            // number ever given or seen
	released uint64            // Release said so
	tried    uint64            // Release was asked for it
	serial   int
	hurt     bool // the disk gave an error
}

// TestEveryAcknowledgedEntryIsReadOnce is the promise of this package. Appends,
// releases, errors of the disk and crashes come in any order; a crash comes at
// any change of any file, even while the journal is being opened, and leaves any
// part of what no sync had written.
func TestEveryAcknowledgedEntryIsReadOnce(t *testing.T) {
	for range 10 { // a hundred histories each
		rapid.Check(t, oneHistory)
	}
}

func oneHistory(t *rapid.T) {
	h := &history{d: newDisk(), acked: map[uint64]string{}, maybe: map[string]bool{}}
	h.o = Options{
		Dir:          dir,
		MaxBytes:     int64(rapid.SampledFrom([]int{1500, 4000, 1 << 20}).Draw(t, "limit")),
		SegmentBytes: int64(rapid.IntRange(1, 600).Draw(t, "segment")),
	}
	h.open(t)
	h.check(t)
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		h.step(t)
	}
	h.crash(t)
	if err := h.j.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func (h *history) step(t *rapid.T) {
	h.fail = nil
	h.d.early = rapid.Bool().Draw(t, "early")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		h.crash(t)
	case 1:
		if err := h.j.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		h.d = h.d.crash(rapid.Bool().Draw(t, "power"), draw(t))
		h.open(t)
		h.check(t)
	case 2, 3:
		h.release(t)
	case 4:
		h.sabotage(t)
		h.append(t)
		h.fail = nil
		h.check(t)
	case 5:
		h.sabotage(t)
		h.release(t)
		h.fail = nil
		h.check(t)
	default:
		h.append(t)
	}
}

// sabotage lets some changes fail from now on.
func (h *history) sabotage(t *rapid.T) {
	err := rapid.SampledFrom([]error{full, broken}).Draw(t, "error")
	ops := rapid.SampledFrom([]string{"write", "sync", "truncate", "write truncate", "sync truncate", "create", "syncdir", "remove", "rename", "create remove syncdir", "sync truncate remove"}).Draw(t, "ops")
	partly := rapid.OneOf(rapid.IntRange(0, 200), rapid.Just(1<<16-1)).Draw(t, "partly")
	wait := rapid.IntRange(0, 3).Draw(t, "wait")
	times := rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "times")
	h.hurt = true
	h.fail = func(op, _ string) (int, error) {
		if !strings.Contains(" "+ops+" ", " "+op+" ") {
			return 0, nil
		}
		if wait--; wait >= 0 || wait < -times {
			return 0, nil
		}
		return partly, err
	}
}

// append appends one to three entries in one group.
func (h *history) append(t *rapid.T) {
	type waiting struct {
		g     *group
		place uint32
		body  string
	}
	var joined []waiting
	h.j.mu.Lock()
	for range rapid.IntRange(1, 3).Draw(t, "together") {
		h.serial++
		body := fmt.Sprintf("%d:%s", h.serial, strings.Repeat("x", rapid.IntRange(0, 150).Draw(t, "size")))
		if g, place, _, err := h.j.joinLocked([]byte(body)); err == nil {
			joined = append(joined, waiting{g, place, body})
		}
	}
	h.j.mu.Unlock()
	for _, w := range joined {
		<-w.g.done
		n := w.g.first + uint64(w.place)
		if w.g.err != nil {
			h.maybe[w.body] = true
			continue
		}
		if n <= h.highest {
			t.Errorf("number %d was given after %d", n, h.highest)
		}
		h.acked[n] = w.body
		h.highest = n
	}
}

func (h *history) release(t *rapid.T) {
	st := h.j.State()
	n := uint64(rapid.IntRange(0, int(st.Appended)).Draw(t, "release"))
	h.tried = max(h.tried, n)
	if err := h.j.Release(n); err == nil {
		h.released = max(h.released, n)
	}
}

// crash ends the process at the n-th change from now on, and opens the journal
// until that goes well: it may crash again while it does.
func (h *history) crash(t *rapid.T) {
	for rounds := rapid.IntRange(1, 3).Draw(t, "rounds"); rounds > 0; rounds-- {
		left := rapid.IntRange(0, 12).Draw(t, "changes before")
		partly := rapid.IntRange(0, 200).Draw(t, "partly")
		h.fail = func(op, _ string) (int, error) {
			if left--; left >= 0 {
				return 0, nil
			}
			if left == -1 {
				return partly, errCut
			}
			return 0, errCut
		}
		if h.j == nil {
			h.j, _ = Open(h.o)
		}
		for i := 0; i < 4 && left >= 0 && h.j != nil; i++ {
			if rapid.Bool().Draw(t, "append") {
				h.append(t)
			} else {
				h.release(t)
			}
		}
		old := h.j
		h.d = h.d.crash(rapid.Bool().Draw(t, "power"), draw(t))
		if old != nil {
			_ = old.Close() // its disk answers nothing any more
		}
		h.j = nil
		h.use()
	}
	h.fail = nil
	h.open(t)
	h.check(t)
}

func (h *history) use() {
	h.o.Files = h.d
	h.d.fault = func(op, name string) (int, error) {
		if h.fail == nil {
			return 0, nil
		}
		return h.fail(op, name)
	}
}

func (h *history) open(t *rapid.T) {
	h.use()
	j, err := Open(h.o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	h.j = j
}

// check reads all there is from the first entry that is not released.
func (h *history) check(t *rapid.T) {
	if err := h.j.Reader().Rewind(); err != nil {
		t.Fatalf("Rewind: %v", err)
	}
	read := map[uint64]bool{}
	before := uint64(0)
	for h.j.Reader().Ready() {
		e, err := h.j.Reader().Next(context.Background())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if e.Number <= before {
			t.Fatalf("number %d after %d", e.Number, before)
		}
		before = e.Number
		read[e.Number] = true
		body, acked := h.acked[e.Number]
		switch {
		case e.Number <= h.released:
			t.Errorf("number %d came though %d is released", e.Number, h.released)
		case acked && body != string(e.Body):
			t.Errorf("number %d is %q, want %q", e.Number, e.Body, body)
		case !acked && !h.maybe[string(e.Body)]:
			t.Errorf("number %d is %q, which nobody appended", e.Number, e.Body)
		}
		h.highest = max(h.highest, e.Number)
	}
	for n, body := range h.acked {
		if n > h.tried && !read[n] {
			t.Errorf("number %d (%q) was acknowledged and is not read", n, body)
		}
	}
	st := h.j.State()
	if st.Appended < h.highest {
		t.Errorf("State says %d is the last, but %d was given", st.Appended, h.highest)
	}
	// What was cut off or removed after an error may be back after a crash.
	if st.Bytes > h.o.MaxBytes && !h.hurt {
		t.Errorf("%d bytes on the disk, the limit is %d", st.Bytes, h.o.MaxBytes)
	}
}

func draw(t *rapid.T) chance {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "left") }
}
