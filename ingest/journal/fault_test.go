package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// failing lets the next changes fail whose name is in ops, that many times.
func failing(d *disk, err error, times int, ops ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = func(op, name string) (int, error) {
		for _, o := range ops {
			if o == op && strings.HasSuffix(name, ".log") && times > 0 {
				times--
				return 0, err
			}
		}
		return 0, nil
	}
}

// all keeps what any sync wrote and what none did; least keeps the first only.
func all(n int) int   { return n - 1 }
func least(n int) int { return 0 }

func tryAppend(j *Journal, body string) error {
	_, err := j.Append(context.Background(), []byte(body))
	return err
}

func TestADiskThatIsFullForAWhile(t *testing.T) {
	d := newDisk()
	o := Options{Dir: dir, Files: d, SegmentBytes: 1}
	j := mustOpen(t, o)
	mustAppend(t, j, "a")
	before := j.State().Bytes
	for _, ops := range [][]string{{"write"}, {"sync"}, {"create"}, {"write", "truncate"}} {
		failing(d, full, 1000, ops...)
		for range 3 {
			if err := tryAppend(j, "lost"); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("Append while %v fails: %v, want ErrFull and the reason", ops, err)
			}
		}
		failing(d, nil, 0)
		mustAppend(t, j, "kept")
	}
	if after := j.State().Bytes; after > before+4*100+2*segmentHeader {
		t.Errorf("%d bytes after a full disk, %d before", after, before)
	}
	var read []string
	for j.Reader().Ready() {
		read = append(read, string(mustNext(t, j).Body))
	}
	if got, want := fmt.Sprint(read), "[a kept kept kept kept]"; got != want {
		t.Errorf("read %s, want %s", got, want)
	}
	mustClose(t, j)
}

func TestAFileWhoseSyncFailedIsGivenUp(t *testing.T) {
	for _, power := range []bool{true, false} {
		d := newDisk()
		log := &logged{}
		o := Options{Dir: dir, Files: d, Log: slog.New(slog.NewTextHandler(log, nil))}
		j := mustOpen(t, o)
		mustAppend(t, j, "a")
		failing(d, broken, 1, "sync")
		if err := tryAppend(j, "secret"); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("Append whose sync fails: %v, want what the disk says", err)
		}
		if strings.Contains(log.String(), "secret") || strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("log %q, want one warning without content", log)
		}
		if got := mustAppend(t, j, "b"); got != 3 {
			t.Errorf("Append gave number %d, want 3: 2 may be on the disk", got)
		}
		if got := d.segments(); len(got) != 2 {
			t.Errorf("segments %v, want a new one", got)
		}
		if got, want := drain(t, j), "1=a 3=b"; got != want {
			t.Errorf("read %q, want %q", got, want)
		}
		o.Files = d.crash(power, all)
		_ = j.Close()
		j = mustOpen(t, o)
		if got := drain(t, j); got != "1=a 3=b" && got != "1=a 2=secret 3=b" {
			t.Errorf("after a crash (power %v): %q", power, got)
		}
		mustClose(t, j)
	}
}

// What was cut off must be gone for good before its numbers are given again in
// another file.
func TestWhatWasCutOffDoesNotComeBack(t *testing.T) {
	d := newDisk()
	d.early = true // the kernel writes at once
	o := Options{Dir: dir, Files: d, SegmentBytes: 200}
	j := mustOpen(t, o)
	mustAppend(t, j, "a")
	d.fault = func(op, name string) (int, error) {
		if op == "write" && strings.HasSuffix(name, ".log") {
			return 1 << 10, broken // all of it is written, and the disk says no
		}
		return 0, nil
	}
	if tryAppend(j, "phantom") == nil {
		t.Fatal("Append went well")
	}
	d.fault = nil
	long := strings.Repeat("b", 200)
	if got := mustAppend(t, j, long); got != 2 || len(d.segments()) != 2 {
		t.Fatalf("number %d in %v, want 2 in the second file", got, d.segments())
	}
	o.Files = d.crash(true, all)
	_ = j.Close()
	j = mustOpen(t, o)
	defer j.Close()
	if got, want := drain(t, j), "1=a 2="+long; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestFullByTheLimit(t *testing.T) {
	j := mustOpen(t, Options{Dir: dir, Files: newDisk(), MaxBytes: 4000})
	defer j.Close()
	body := strings.Repeat("x", 100)
	for round := range 3 {
		n := 0
		var err error
		for ; err == nil; n++ {
			err = tryAppend(j, body)
		}
		if !errors.Is(err, ErrFull) || n < 20 {
			t.Fatalf("round %d: append %d: %v, want ErrFull after 20 or more", round, n, err)
		}
		st := j.State()
		if st.Bytes > 4000 {
			t.Errorf("%d bytes on the disk, the limit is 4000", st.Bytes)
		}
		// A part makes room for a part.
		if err := j.Release(st.Appended - 10); err != nil {
			t.Fatal(err)
		}
		if err := tryAppend(j, body); err != nil {
			t.Errorf("after Release: %v", err)
		}
		if err := j.Release(j.State().Appended); err != nil {
			t.Fatal(err)
		}
		if st := j.State(); st.Bytes > 1000 {
			t.Errorf("%d bytes on the disk when all is released", st.Bytes)
		}
	}
	// The largest entry that is taken at all fits when all is released.
	size := 0
	for ; !errors.Is(tryAppend(j, strings.Repeat("x", size)), ErrTooLarge); size++ {
		if err := j.Release(j.State().Appended); err != nil {
			t.Fatal(err)
		}
	}
	if err := tryAppend(j, strings.Repeat("x", size-1)); err != nil {
		t.Errorf("an entry of %d bytes: %v", size-1, err)
	}
}

func TestReleaseWorksOnAFullDisk(t *testing.T) {
	d := newDisk()
	j := mustOpen(t, Options{Dir: dir, Files: d, MaxBytes: 4000})
	defer j.Close()
	for range 10 {
		mustAppend(t, j, strings.Repeat("x", 150))
	}
	// Nothing can be made and no file can grow.
	d.fault = func(op, name string) (int, error) {
		grows := op == "write" && !strings.HasSuffix(name, spareName)
		if op == "create" || grows {
			return 0, full
		}
		return 0, nil
	}
	before := j.State().Bytes
	if err := j.Release(5); err != nil {
		t.Errorf("Release on a full disk: %v", err)
	}
	if after := j.State().Bytes; after >= before {
		t.Errorf("%d bytes after Release, %d before", after, before)
	}
}

// Release leaves the file to a group under way; where that group fails, nobody
// calls Release again.
func TestAFullJournalShrinksThoughTheLastAppendFailed(t *testing.T) {
	h := newHeld()
	j := mustOpen(t, Options{Dir: dir, Files: h, MaxBytes: 4000})
	defer j.Close()
	mustAppend(t, j, strings.Repeat("x", 400))
	h.arm()
	gone := make(chan error)
	go func() { gone <- tryAppend(j, "y") }()
	<-h.entered
	failing(h.disk, full, 1, "sync")
	if err := j.Release(1); err != nil {
		t.Fatal(err)
	}
	h.let <- struct{}{}
	if err := <-gone; !errors.Is(err, ErrFull) {
		t.Errorf("Append: %v, want ErrFull", err)
	}
	if st := j.State(); st.Bytes != 0 {
		t.Errorf("%d bytes on the disk, and nothing waits", st.Bytes)
	}
}

func TestReleaseThatFailsIsTriedAgain(t *testing.T) {
	for _, op := range []string{"write", "sync", "rename", "syncdir", "remove"} {
		d := newDisk()
		o := Options{Dir: dir, Files: d, SegmentBytes: 1}
		j := mustOpen(t, o)
		for _, body := range []string{"a", "b", "c"} {
			mustAppend(t, j, body)
		}
		fails := true
		d.fault = func(o, _ string) (int, error) {
			if o == op && fails {
				fails = false
				return 0, broken
			}
			return 0, nil
		}
		if err := j.Release(2); err == nil {
			t.Errorf("%s fails: Release went well", op)
		}
		if err := j.Release(2); err != nil {
			t.Errorf("%s failed once: %v", op, err)
		}
		if got := d.segments(); len(got) != 1 {
			t.Errorf("%s failed once: segments %v, want one", op, got)
		}
		o.Files = d.crash(true, least)
		_ = j.Close()
		j = mustOpen(t, o)
		if got, want := drain(t, j), "3=c"; got != want {
			t.Errorf("%s failed once: read %q after a crash, want %q", op, got, want)
		}
		mustClose(t, j)
	}
}

// Open must go well on a full disk: only then can what waits be stored and
// room be made.
func TestOpenOnAFullDisk(t *testing.T) {
	d := newDisk()
	o := Options{Dir: dir, Files: d, SegmentBytes: 1}
	j := mustOpen(t, o)
	for _, body := range []string{"a", "b", "c"} {
		mustAppend(t, j, body)
	}
	if err := j.Release(1); err != nil {
		t.Fatal(err)
	}
	d = d.crash(false, all)
	_ = j.Close()
	delete(d.names, dir+"/"+checkpointName) // so that one is to be written
	d.fault = func(op, _ string) (int, error) {
		if op == "create" || op == "write" {
			return 0, full
		}
		return 0, nil
	}
	o.Files = d
	j = mustOpen(t, o)
	defer j.Close()
	if got, want := drain(t, j), "2=b 3=c"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	if err := tryAppend(j, "d"); !errors.Is(err, ErrFull) {
		t.Errorf("Append: %v, want ErrFull", err)
	}
	d.mu.Lock()
	d.fault = nil
	d.mu.Unlock()
	if got := mustAppend(t, j, "d"); got < 4 {
		t.Errorf("Append gave number %d", got)
	}
}
