package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// held lets a test hold one sync of a segment and see what happened before.
type held struct {
	*disk
	mu           sync.Mutex
	events       []string
	entered, let chan struct{}
	armed        bool
}

func newHeld() *held {
	h := &held{disk: newDisk(), entered: make(chan struct{}), let: make(chan struct{})}
	h.disk.after = func(op, name string) {
		if strings.HasSuffix(name, ".log") {
			h.note(op)
		}
	}
	return h
}

func (h *held) note(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *held) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// arm holds the next sync of a segment.
func (h *held) arm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed, h.events = true, nil
}

func (h *held) Create(name string) (File, error) {
	f, err := h.disk.Create(name)
	return heldFile{f, h, strings.HasSuffix(name, ".log")}, err
}

type heldFile struct {
	File
	h       *held
	segment bool
}

func (f heldFile) Sync() error {
	f.h.mu.Lock()
	hold := f.segment && f.h.armed
	if hold {
		f.h.armed = false
	}
	f.h.mu.Unlock()
	if hold {
		f.h.entered <- struct{}{}
		<-f.h.let
	}
	return f.File.Sync()
}

func TestAcknowledgedAfterSync(t *testing.T) {
	h := newHeld()
	j := mustOpen(t, Options{Dir: dir, Files: h})
	defer j.Close()
	mustAppend(t, j, "begins the segment")
	if got := mustNext(t, j); got.Number != 1 {
		t.Fatalf("Next = %d, want 1", got.Number)
	}
	h.arm()
	acknowledged := make(chan uint64)
	go func() {
		n, err := j.Append(context.Background(), []byte("a"))
		if err != nil {
			t.Errorf("Append: %v", err)
		}
		h.note("acknowledge")
		acknowledged <- n
	}()
	<-h.entered
	if got, want := fmt.Sprint(h.seen()), "[write]"; got != want {
		t.Errorf("before the sync: %s, want %s", got, want)
	}
	if j.Reader().Ready() {
		t.Error("the reader sees a group that is not durable")
	}
	if st := j.State(); st.Appended != 1 {
		t.Errorf("State says that %d is durable, want 1", st.Appended)
	}

	// While the disk works, others come: they share the next sync.
	const others = 64
	numbers := make(chan uint64, others)
	for range others {
		go func() {
			n, err := j.Append(context.Background(), []byte("b"))
			if err != nil {
				t.Errorf("Append: %v", err)
			}
			numbers <- n
		}()
	}
	joined(j, others)
	h.let <- struct{}{}
	if n := <-acknowledged; n != 2 {
		t.Errorf("number %d, want 2", n)
	}
	seen := map[uint64]bool{}
	for range others {
		seen[<-numbers] = true
	}
	for n := uint64(3); n < 3+others; n++ {
		if !seen[n] {
			t.Errorf("number %d was given to nobody", n)
		}
	}
	events := h.seen()
	if i, k := slices.Index(events, "sync"), slices.Index(events, "acknowledge"); i < 0 || k < i {
		t.Errorf("order %v: acknowledged before the sync", events)
	}
	events = slices.DeleteFunc(events, func(e string) bool { return e == "acknowledge" })
	if got, want := fmt.Sprint(events), "[write sync write sync]"; got != want {
		t.Errorf("%d appends made %s, want %s", others+1, got, want)
	}
}

func TestACallerThatGoesAwayDoesNotWait(t *testing.T) {
	h := newHeld()
	j := mustOpen(t, Options{Dir: dir, Files: h})
	mustAppend(t, j, "a")
	h.arm()
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan error)
	entry := []byte("bbbb")
	go func() {
		_, err := j.Append(ctx, entry)
		gone <- err
	}()
	<-h.entered
	leave()
	if err := <-gone; err == nil {
		t.Error("Append returned no error before the sync")
	}
	copy(entry, "zzzz") // the caller may reuse it at once
	h.let <- struct{}{}
	mustClose(t, j) // waits for the group under way
	j = mustOpen(t, Options{Dir: dir, Files: h})
	defer j.Close()
	if got, want := drain(t, j), "1=a 2=bbbb"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestAGroupIsBounded(t *testing.T) {
	h := newHeld()
	j := mustOpen(t, Options{Dir: dir, Files: h})
	mustAppend(t, j, "a")
	h.arm()
	var all sync.WaitGroup
	add := func(size int) {
		all.Go(func() {
			if _, err := j.Append(context.Background(), make([]byte, size)); err != nil {
				t.Errorf("Append: %v", err)
			}
		})
	}
	add(1)
	<-h.entered
	add(groupBytes + 1) // fills the open group at once
	joined(j, 1)
	add(1)
	for {
		j.mu.Lock()
		waits := j.turn != nil
		j.mu.Unlock()
		if waits {
			break
		}
	}
	h.let <- struct{}{}
	all.Wait()
	if got, want := fmt.Sprint(h.seen()), "[write sync write sync write sync]"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	mustClose(t, j)
}
