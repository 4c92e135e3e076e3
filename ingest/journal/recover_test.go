package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// journalOf is a disk with a journal of which every frame holds one entry, and
// where each frame ends in the one segment.
func journalOf(t *testing.T, o Options, bodies ...string) (d *disk, ends []int) {
	t.Helper()
	d = newDisk()
	o.Dir, o.Files = dir, d
	j := mustOpen(t, o)
	for _, body := range bodies {
		mustAppend(t, j, body)
		ends = append(ends, len(d.names[d.segments()[0]].now))
	}
	d = d.crash(true, least)
	_ = j.Close()
	return d, ends
}

// with is a copy of a disk in which one file is changed.
func (d *disk) with(name string, change func(b []byte) []byte) *disk {
	next := newDisk()
	for n, i := range d.names {
		b := slices.Clone(i.now)
		if n == name {
			b = change(b)
		}
		next.names[n] = &inode{now: b, durable: slices.Clone(b), dirty: map[int]bool{}}
	}
	next.kept = maps.Clone(next.names)
	return next
}

func TestATornEndAtEveryByte(t *testing.T) {
	bodies := []string{"a", "bb", "ccc"}
	d, ends := journalOf(t, Options{}, bodies...)
	name := d.segments()[0]
	for cut := ends[1]; cut <= ends[2]; cut++ {
		for _, junk := range []int{0, 1, 100} {
			log := &logged{}
			torn := d.with(name, func(b []byte) []byte {
				b = b[:cut]
				for range junk {
					b = append(b, 'L')
				}
				return b
			})
			j := mustOpen(t, Options{Dir: dir, Files: torn, Log: slog.New(slog.NewTextHandler(log, nil))})
			whole := 2 + cut/ends[2]
			want := []string{"1=a 2=bb", "1=a 2=bb 3=ccc"}[whole-2]
			if got := drain(t, j); got != want {
				t.Errorf("cut at %d: read %q, want %q", cut, got, want)
			}
			left := cut + junk - ends[whole-1]
			warned := strings.Contains(log.String(), fmt.Sprintf("bytes=%d", left))
			if warned != (left > 0) || strings.Contains(log.String(), "ccc") || strings.Count(log.String(), "WARN") > 1 {
				t.Errorf("cut at %d, %d bytes too many: log %q", cut, left, log)
			}
			if got := mustAppend(t, j, "next"); got != uint64(whole+1) {
				t.Errorf("cut at %d: number %d, want %d", cut, got, whole+1)
			}
			mustClose(t, j)
			if got := len(torn.names[name].durable); got != ends[whole-1] {
				t.Errorf("cut at %d: the file has %d bytes, want %d", cut, got, ends[whole-1])
			}
		}
	}
}

// Old bytes of another file, or a frame in somebody's entry, are not this file's.
func TestAFrameOfAnotherFileIsNone(t *testing.T) {
	foreign := make([]byte, frameHeader+lengthPrefix)
	sealFrame(foreign, 4711, 2, 0, 1)
	d, _ := journalOf(t, Options{}, "a", string(foreign)+"end")
	name := d.segments()[0]
	for _, c := range []struct {
		what   string
		change func(b []byte) []byte
	}{
		{"in a torn entry", func(b []byte) []byte { return b[:len(b)-len("end")] }},
		{"where the next frame would be", func(b []byte) []byte { return append(b[:segmentHeader+frameHeader+lengthPrefix+1], foreign...) }},
	} {
		j := mustOpen(t, Options{Dir: dir, Files: d.with(name, c.change)})
		if got, want := drain(t, j), "1=a"; got != want {
			t.Errorf("%s: read %q, want %q", c.what, got, want)
		}
		mustClose(t, j)
	}
}

func TestAFlippedBitIsDamage(t *testing.T) {
	d, ends := journalOf(t, Options{}, "a", "bb", "ccc")
	name := d.segments()[0]
	for at := range ends[1] {
		for bit := range 8 {
			bad := d.with(name, func(b []byte) []byte {
				b[at] ^= 1 << bit
				return b
			})
			_, err := Open(Options{Dir: dir, Files: bad})
			want, first := 0, uint64(1)
			switch {
			case at >= ends[0]:
				want, first = ends[0], 2
			case at >= segmentHeader:
				want = segmentHeader
			}
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Offset != int64(want) || damaged.First != first || damaged.File != name {
				t.Fatalf("byte %d, bit %d: Open: %v, want damage at offset %d from number %d", at, bit, err, want, first)
			}
			if strings.Contains(err.Error(), "bb") || !strings.Contains(err.Error(), "salvage") {
				t.Errorf("error %q: want what to do, and no content", err)
			}
			if want := d.with(name, func(b []byte) []byte { b[at] ^= 1 << bit; return b }); !slices.Equal(bad.names[name].now, want.names[name].now) || len(bad.names) != len(want.names) {
				t.Errorf("byte %d: files were changed", at)
			}
		}
	}
}

func TestGoingOnWithoutWhatIsDamaged(t *testing.T) {
	d, ends := journalOf(t, Options{}, "a", "bb", "ccc", "dddd")
	name := d.segments()[0]
	for _, c := range []struct {
		at   int
		want string
	}{
		{3, "1=a 2=bb 3=ccc 4=dddd"}, // the header
		{segmentHeader + 1, "2=bb 3=ccc 4=dddd"},
		{ends[0] + frameHeader + 5, "1=a 3=ccc 4=dddd"},
		{ends[1] + 10, "1=a 2=bb 4=dddd"},
		{ends[2] + 10, "1=a 2=bb 3=ccc"},
	} {
		bad := d.with(name, func(b []byte) []byte { b[c.at] ^= 4; return b })
		if err := bad.Rename(name, filepath.Join(dir, salvageName(1))); err != nil {
			t.Fatal(err)
		}
		j := mustOpen(t, Options{Dir: dir, Files: bad})
		if got := drain(t, j); got != c.want {
			t.Errorf("byte %d: read %q, want %q", c.at, got, c.want)
		}
		mustAppend(t, j, "e")
		if err := j.Reader().Rewind(); err != nil {
			t.Fatal(err)
		}
		if got, want := drain(t, j), c.want+" "+fmt.Sprintf("%d=e", j.State().Appended); got != want {
			t.Errorf("byte %d, again: read %q, want %q", c.at, got, want)
		}
		mustClose(t, j)
		j = mustOpen(t, Options{Dir: dir, Files: bad})
		if err := j.Release(j.State().Appended); err != nil {
			t.Fatal(err)
		}
		if got := bad.segments(); len(got) > 1 {
			t.Errorf("byte %d: %v are left when all is released", c.at, got)
		}
		mustClose(t, j)
	}
}

func TestAFileThatIsMissing(t *testing.T) {
	d, _ := journalOf(t, Options{SegmentBytes: 1}, "a", "bb", "ccc")
	names := d.segments()
	d.names[filepath.Join(dir, checkpointName)] = &inode{now: checkpoint{released: 0, acked: 3, last: 3}.encode()}
	for i, c := range []struct{ without, empty, keeps string }{
		{"entries 1 to 1", salvageName(1), "2=bb 3=ccc"},
		{"entries 2 to 2", salvageName(2), "1=a 3=ccc"},
		{"entries 3 to 3", salvageName(3), "1=a 2=bb"},
	} {
		bad := d.with("", nil)
		delete(bad.names, names[i])
		_, err := Open(Options{Dir: dir, Files: bad})
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), c.without) {
			t.Errorf("without %s: Open: %v, want %s", names[i], err, c.without)
			continue
		}
		// What the error says: an empty file where there is none.
		if f, err := bad.Create(filepath.Join(dir, c.empty)); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		j := mustOpen(t, Options{Dir: dir, Files: bad})
		if got := drain(t, j); got != c.keeps {
			t.Errorf("without %s: read %q, want %q", names[i], got, c.keeps)
		}
		if got := mustAppend(t, j, "next"); got != 4 {
			t.Errorf("without %s: number %d, want 4", names[i], got)
		}
		mustClose(t, j)
		mustClose(t, mustOpen(t, Options{Dir: dir, Files: bad}))
	}
}

func TestAnEndThatIsMissing(t *testing.T) {
	d, ends := journalOf(t, Options{SegmentBytes: 200}, "a", "bb", strings.Repeat("c", 200))
	name := d.segments()[0]
	if len(d.segments()) != 2 {
		t.Fatal("want two segments")
	}
	bad := d.with(name, func(b []byte) []byte { return b[:ends[0]] })
	_, err := Open(Options{Dir: dir, Files: bad})
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.File != name || damaged.Offset != int64(ends[0]) || damaged.First != 2 || damaged.Last != 2 {
		t.Errorf("Open: %v, want damage of %s at %d, entry 2", err, name, ends[0])
	}
	if err := bad.Rename(name, filepath.Join(dir, damaged.Salvage)); err != nil {
		t.Fatal(err)
	}
	j := mustOpen(t, Options{Dir: dir, Files: bad})
	defer j.Close()
	if got, want := drain(t, j), "1=a 3="+strings.Repeat("c", 200); got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestACheckpointThatCanNotBeRead(t *testing.T) {
	d := newDisk()
	j := mustOpen(t, Options{Dir: dir, Files: d, SegmentBytes: 200})
	for _, body := range []string{"a", "b", "c", "d"} {
		mustAppend(t, j, body)
	}
	if err := j.Release(1); err != nil {
		t.Fatal(err)
	}
	d = d.crash(false, all)
	_ = j.Close()
	own, spare := filepath.Join(dir, checkpointName), filepath.Join(dir, spareName)
	for _, c := range []struct {
		name   string
		change func(d *disk)
		want   string
	}{
		{"missing", func(d *disk) { delete(d.names, own) }, "2=b 3=c 4=d"},
		{"bad", func(d *disk) { d.names[own].now[20]++ }, "2=b 3=c 4=d"},
		{"both missing", func(d *disk) { delete(d.names, own); delete(d.names, spare) }, "1=a 2=b 3=c 4=d"},
		{"both bad", func(d *disk) { d.names[own].now[41]++; d.names[spare].now[0]++ }, "1=a 2=b 3=c 4=d"},
		{"short", func(d *disk) { d.names[own].now = nil; d.names[spare].now = nil }, "1=a 2=b 3=c 4=d"},
	} {
		bad := d.with("", nil)
		c.change(bad)
		log := &logged{}
		j := mustOpen(t, Options{Dir: dir, Files: bad, Log: slog.New(slog.NewTextHandler(log, nil))})
		if got := drain(t, j); got != c.want {
			t.Errorf("%s: read %q, want %q", c.name, got, c.want)
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("%s: log %q, want one warning", c.name, log)
		}
		if got := mustAppend(t, j, "e"); got != 5 {
			t.Errorf("%s: number %d, want 5", c.name, got)
		}
		mustClose(t, j)
	}
}

func TestALaterVersionIsNotTouched(t *testing.T) {
	d, _ := journalOf(t, Options{}, "a")
	for _, name := range []string{d.segments()[0], filepath.Join(dir, checkpointName)} {
		bad := d.with(name, func(b []byte) []byte {
			b[8] = 2
			if strings.HasSuffix(name, ".log") {
				putChecksum(b[:segmentHeader])
			} else {
				putChecksum(b)
			}
			return b
		})
		_, err := Open(Options{Dir: dir, Files: bad})
		if err == nil || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("%s of version 2: Open: %v", name, err)
		}
	}
}

func TestWhatGoesBadWhileItIsOpen(t *testing.T) {
	d := newDisk()
	j := mustOpen(t, Options{Dir: dir, Files: d})
	defer j.Close()
	for _, body := range []string{"a", "bb", "ccc"} {
		mustAppend(t, j, body)
	}
	name := d.segments()[0]
	mustNext(t, j)
	second := segmentHeader + frameHeader + lengthPrefix + 1
	flip := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.names[name].now[second+frameHeader+5] ^= 1
	}
	flip()
	for range 2 {
		_, err := j.Reader().Next(context.Background())
		var damaged *DamagedError
		if !errors.As(err, &damaged) || damaged.File != name || damaged.Offset != int64(second) || damaged.First != 2 {
			t.Fatalf("Next: %v, want damage of %s at %d, from number 2", err, name, second)
		}
	}
	flip() // a loose cable
	if got, want := drain(t, j), "2=bb 3=ccc"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}
