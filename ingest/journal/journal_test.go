package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const dir = "/journal"

func mustOpen(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return j
}

func mustAppend(t testing.TB, j *Journal, body string) uint64 {
	t.Helper()
	n, err := j.Append(context.Background(), []byte(body))
	if err != nil {
		t.Fatalf("Append(%q): %v", body, err)
	}
	return n
}

func mustNext(t testing.TB, j *Journal) Entry {
	t.Helper()
	e, err := j.Reader().Next(context.Background())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return e
}

// drain reads all that is ready as "number=body".
func drain(t testing.TB, j *Journal) string {
	t.Helper()
	var all []string
	for j.Reader().Ready() {
		e := mustNext(t, j)
		all = append(all, fmt.Sprintf("%d=%s", e.Number, e.Body))
	}
	return strings.Join(all, " ")
}

func mustClose(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func TestWhatWasAppendedIsReadInOrder(t *testing.T) {
	at := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
	o := Options{Dir: filepath.Join(t.TempDir(), "a", "journal"), Now: func() time.Time { return at }}
	j := mustOpen(t, o)
	for i, body := range []string{"one", "", strings.Repeat("x", 300000), "four"} {
		if got := mustAppend(t, j, body); got != uint64(i+1) {
			t.Errorf("Append gave number %d, want %d", got, i+1)
		}
	}
	at = at.Add(-time.Hour) // the clock steps back
	mustAppend(t, j, "five")
	if e := mustNext(t, j); e.Number != 1 || string(e.Body) != "one" || e.At.Equal(at) {
		t.Errorf("Next = %d %q %v, want 1 one", e.Number, e.Body, e.At)
	}
	if e := mustNext(t, j); e.Number != 2 || len(e.Body) != 0 {
		t.Errorf("Next = %d %q, want 2 and nothing", e.Number, e.Body)
	}
	if e := mustNext(t, j); e.Number != 3 || len(e.Body) != 300000 {
		t.Errorf("Next = %d with %d bytes, want 3 with 300000", e.Number, len(e.Body))
	}
	if got, want := drain(t, j), "4=four 5=five"; got != want {
		t.Errorf("the rest is %q, want %q", got, want)
	}
	if err := j.Reader().Rewind(); err != nil {
		t.Fatal(err)
	}
	if err := j.Release(3); err != nil {
		t.Fatal(err)
	}
	if got, want := drain(t, j), "4=four 5=five"; got != want {
		t.Errorf("after Release(3) and Rewind: %q, want %q", got, want)
	}
	mustClose(t, j)
	j = mustOpen(t, o)
	defer j.Close()
	if got, want := drain(t, j), "4=four 5=five"; got != want {
		t.Errorf("opened again: %q, want %q", got, want)
	}
	if got := mustAppend(t, j, "six"); got != 6 {
		t.Errorf("Append gave number %d, want 6", got)
	}
	st := j.State()
	if st.Appended != 6 || st.Released != 3 || st.Bytes == 0 || !st.Oldest.Equal(at.Add(time.Hour)) {
		t.Errorf("State = %+v", st)
	}
}

func TestAnEmptyJournalGoesOnCounting(t *testing.T) {
	o := Options{Dir: dir, Files: newDisk()}
	j := mustOpen(t, o)
	for range 3 {
		mustAppend(t, j, "a")
	}
	if err := j.Release(3); err != nil {
		t.Fatal(err)
	}
	if st := j.State(); !st.Oldest.IsZero() || st.Released != 3 {
		t.Errorf("State = %+v, want nothing that waits", st)
	}
	mustClose(t, j)
	for range 2 {
		j = mustOpen(t, o)
		if st := j.State(); st.Appended != 3 || st.Bytes != 0 {
			t.Errorf("State = %+v, want 3 appended and nothing on the disk", st)
		}
		mustClose(t, j)
	}
	j = mustOpen(t, o)
	defer j.Close()
	if got := mustAppend(t, j, "b"); got != 4 {
		t.Errorf("Append gave number %d, want 4", got)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "journal")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, Options{Dir: folder})
	defer j.Close()
	mustAppend(t, j, "a")
	if err := j.Release(1); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if names, _ := (machine{}).List(folder); len(names) != 3 {
		t.Errorf("files %v, want a segment, the checkpoint and its spare", names)
	}
	if _, err := os.Stat(filepath.Join(folder, "00000000000000000001.log")); err != nil {
		t.Error(err)
	}
}

// A new folder is itself a name in the one above it.
func TestANewFolderIsDurable(t *testing.T) {
	d := newDisk()
	var synced []string
	d.after = func(op, name string) {
		if op == "syncdir" {
			synced = append(synced, name)
		}
	}
	mustClose(t, mustOpen(t, Options{Dir: dir, Files: d}))
	if !slices.Contains(synced, filepath.Dir(dir)) {
		t.Errorf("folders synced: %v, want %s among them", synced, filepath.Dir(dir))
	}
}

func TestAFolderIsOpenOnce(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	j := mustOpen(t, o)
	if _, err := Open(o); err == nil {
		t.Error("a second Open went well")
	}
	mustClose(t, j)
	mustClose(t, j)
	mustClose(t, mustOpen(t, o))
}

func TestClosed(t *testing.T) {
	j := mustOpen(t, Options{Dir: dir, Files: newDisk()})
	mustAppend(t, j, "a")
	waits := make(chan error)
	mustNext(t, j)
	go func() {
		_, err := j.Reader().Next(context.Background())
		waits <- err
	}()
	mustClose(t, j)
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("Next while it closes: %v, want ErrClosed", err)
	}
	if _, err := j.Append(context.Background(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Append: %v, want ErrClosed", err)
	}
	if err := j.Release(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Release: %v, want ErrClosed", err)
	}
	if err := j.Reader().Rewind(); !errors.Is(err, ErrClosed) {
		t.Errorf("Rewind: %v, want ErrClosed", err)
	}
}

func TestRefused(t *testing.T) {
	j := mustOpen(t, Options{Dir: dir, Files: newDisk(), MaxBytes: 1 << 10})
	defer j.Close()
	ended, end := context.WithCancel(context.Background())
	end()
	for _, c := range []struct {
		ctx  context.Context
		body []byte
		want error
	}{
		{context.Background(), make([]byte, MaxEntryBytes+1), ErrTooLarge},
		{context.Background(), make([]byte, 1<<10), ErrTooLarge},
		{ended, nil, context.Canceled},
	} {
		if _, err := j.Append(c.ctx, c.body); !errors.Is(err, c.want) {
			t.Errorf("Append of %d bytes: %v, want %v", len(c.body), err, c.want)
		}
	}
	if err := j.Release(1); err == nil {
		t.Error("Release of a number that was not given went well")
	}
	if _, err := j.Reader().Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want %v", err, context.Canceled)
	}
	for _, o := range []Options{{}, {Dir: dir, MaxBytes: -1}, {Dir: dir, SegmentBytes: -1}} {
		if _, err := Open(o); err == nil {
			t.Errorf("Open(%+v) went well", o)
		}
	}
}

// TestManyAtOnce is for the race detector: appends, a reader that releases, and
// looks at the state.
func TestManyAtOnce(t *testing.T) {
	const writers, each = 16, 50
	j := mustOpen(t, Options{Dir: t.TempDir(), SegmentBytes: 4 << 10, MaxBytes: 1 << 20})
	var writing sync.WaitGroup
	var mu sync.Mutex
	given := map[uint64]string{}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				body := fmt.Sprintf("%d/%d", w, i)
				n, err := j.Append(context.Background(), []byte(body))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				given[n] = body
				mu.Unlock()
				_ = j.State()
			}
		})
	}
	read := map[uint64]string{}
	before := uint64(0)
	for len(read) < writers*each {
		e := mustNext(t, j)
		if e.Number <= before {
			t.Fatalf("number %d after %d", e.Number, before)
		}
		before = e.Number
		read[e.Number] = string(e.Body)
		if e.Number%37 == 0 {
			if err := j.Release(e.Number - 5); err != nil {
				t.Fatal(err)
			}
		}
	}
	writing.Wait()
	for n, body := range given {
		if read[n] != body {
			t.Errorf("number %d is %q, want %q", n, read[n], body)
		}
	}
	if err := j.Release(before); err != nil {
		t.Fatal(err)
	}
	if st := j.State(); st.Bytes > 4<<10 || st.Released != st.Appended {
		t.Errorf("State = %+v, want a small journal with nothing that waits", st)
	}
	mustClose(t, j)
}

// joined waits until that many entries are in the open group.
func joined(j *Journal, n uint32) {
	for {
		j.mu.Lock()
		count := j.open.count
		j.mu.Unlock()
		if count >= n {
			return
		}
		runtime.Gosched()
	}
}

// logged is a place for the log that tests read.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}
