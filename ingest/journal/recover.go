package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// recover finds out what is in the folder. First all is read and checked; only
// then is anything changed.
func (j *Journal) recover() error {
	if err := j.o.Files.MakeDir(j.o.Dir); err != nil {
		return failure("make "+j.o.Dir, err)
	}
	names, err := j.o.Files.List(j.o.Dir)
	if err != nil {
		return failure("read "+j.o.Dir, err)
	}
	c, state, err := j.loadCheckpoint(names)
	if err != nil {
		return err
	}
	found, err := listSegments(j.o.Dir, names)
	if err != nil {
		return err
	}
	var scans []*scan
	var gone []string
	for i := range found {
		if i+1 < len(found) && found[i+1].first <= c.released+1 {
			gone = append(gone, found[i].path) // whatever is in it is stored elsewhere
			continue
		}
		sc, err := scanSegment(j.o.Files, found[i])
		if err != nil {
			return err
		}
		scans = append(scans, sc)
	}
	if err := j.complete(scans, c, state != checkpointLost); err != nil {
		return err
	}
	if err := j.settle(scans); err != nil {
		return err
	}
	// The names that were found are durable before anything rests on them.
	if err := j.o.Files.SyncDir(j.o.Dir); err != nil {
		return failure("sync "+j.o.Dir, err)
	}
	if len(names) == 0 {
		if err := j.o.Files.SyncDir(filepath.Dir(j.o.Dir)); err != nil {
			return failure("sync "+filepath.Dir(j.o.Dir), err)
		}
	}
	j.released, j.saved = c.released, c
	j.appended, j.next = c.acked, c.last+1
	gone = append(gone, j.adopt(scans)...)
	return j.tidy(gone, state == checkpointWhole)
}

// What was found of the checkpoint.
const (
	checkpointLost  = iota // what is released is not known: all is read again
	checkpointSpare        // only by the copy, or the copy knows more
	checkpointWhole
)

// loadCheckpoint reads the checkpoint and its copy, which knows more where the
// process ended while it became the checkpoint.
func (j *Journal) loadCheckpoint(names []string) (c checkpoint, state int, err error) {
	path := filepath.Join(j.o.Dir, checkpointName)
	own, ok, err := readCheckpoint(j.o.Files, path)
	if err != nil {
		return c, state, err
	}
	spare, okSpare, err := readCheckpoint(j.o.Files, filepath.Join(j.o.Dir, spareName))
	if err != nil {
		return c, state, err
	}
	if !ok && len(names) > 0 {
		j.o.Log.Warn("journal: the checkpoint is missing or can not be read; entries that are stored may be read again, which is harmless",
			"file", path, "from_copy", okSpare)
	}
	c = checkpoint{max(own.released, spare.released), max(own.acked, spare.acked), max(own.last, spare.last)}
	switch {
	case ok && c == own:
		state = checkpointWhole
	case ok || okSpare:
		state = checkpointSpare
	}
	return c, state, nil
}

// listSegments gives the segments by number.
func listSegments(dir string, names []string) ([]segment, error) {
	var found []segment
	for _, name := range names {
		if first, salvage, ok := parseName(name); ok {
			found = append(found, segment{path: filepath.Join(dir, name), first: first, salvage: salvage})
		}
	}
	slices.SortFunc(found, func(a, b segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	for i := 1; i < len(found); i++ {
		if found[i].first == found[i-1].first {
			return nil, fmt.Errorf("journal: %s and %s hold the same numbers: take one of them away", found[i-1].path, found[i].path)
		}
	}
	return found, nil
}

// complete checks that no file with acknowledged entries is missing and no end
// of one. Every segment says up to which number was acknowledged before it, and
// the checkpoint says it for the last one.
func (j *Journal) complete(scans []*scan, c checkpoint, known bool) error {
	have, givenUp := c.released, !known // nothing is known of what was before the first
	for i, sc := range scans {
		if sc.after > have && !givenUp {
			return j.missing(scans[:i], have+1, sc.after)
		}
		if sc.ground && !sc.empty() && i > 0 && sc.first <= scans[i-1].last {
			return sc.damage(0, sc.first, sc.last, "the file before it holds the same numbers")
		}
		if sc.ground || sc.salvage {
			have, givenUp = max(have, sc.last), sc.salvage
		}
	}
	if c.acked > have && !givenUp {
		return j.missing(scans, have+1, c.acked)
	}
	return nil
}

// missing is the error for numbers that were acknowledged and stand nowhere.
func (j *Journal) missing(before []*scan, first, last uint64) *DamagedError {
	if n := len(before); n > 0 {
		return before[n-1].damage(before[n-1].good, first, last, "its end, or the file behind it, is missing")
	}
	return &DamagedError{
		File: segmentPath(j.o.Dir, first), First: first, Last: last,
		Wrong: "the file is missing", Salvage: salvageName(first),
	}
}

// settle cuts torn ends off and makes sure that what will be read is durable.
func (j *Journal) settle(scans []*scan) error {
	newest := -1
	for i, sc := range scans {
		if !sc.empty() && !sc.salvage {
			newest = i
		}
	}
	for i, sc := range scans {
		if sc.salvage {
			j.o.Log.Warn("journal: a damaged file is read without what is damaged in it", "file", sc.path, "gaps", len(sc.gaps), "bytes_behind", sc.torn())
			continue
		}
		if sc.torn() == 0 && i != newest {
			continue
		}
		if err := j.settleOne(sc, i == newest); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) settleOne(sc *scan, newest bool) error {
	f, err := j.o.Files.Open(sc.path)
	if err != nil {
		return failure("open "+sc.path, err)
	}
	defer f.Close()
	if torn := sc.torn(); torn > 0 {
		j.o.Log.Warn("journal: a torn end was cut off; nothing in it was acknowledged, unless the disk lost it",
			"file", sc.path, "offset", sc.good, "bytes", torn)
		switch err := f.Truncate(sc.good); {
		case err == nil:
			sc.size, sc.disk = sc.good, sc.good
		case !noSpace(err): // nothing is written behind it, so it may stay
			return failure("cut "+sc.path, err)
		}
	}
	if newest {
		// The last group may be in memory only, from a process whose sync
		// failed. Written again it is written to the disk.
		if err := rewrite(f, sc.final, sc.good); err != nil {
			if !noSpace(err) {
				return failure("write to "+sc.path, err)
			}
			j.o.Log.Warn("journal: the disk is full", "error", err)
		}
	}
	if err := f.Sync(); err != nil {
		return failure("sync "+sc.path, err)
	}
	return nil
}

func rewrite(f File, from, to int64) error {
	b := make([]byte, to-from)
	if _, err := f.ReadAt(b, from); err != nil {
		return err
	}
	_, err := f.WriteAt(b, from)
	return err
}

// adopt takes over what was found and returns the files in which nothing is. The
// next group begins a new file: nothing is ever written behind what another
// process wrote.
func (j *Journal) adopt(scans []*scan) (hollow []string) {
	for i, sc := range scans {
		s := sc.segment
		switch {
		case s.salvage && i+1 < len(scans):
			s.keep = scans[i+1].first - 1
		case s.salvage:
			s.keep = max(j.appended, s.last)
		case s.empty():
			hollow = append(hollow, s.path)
			j.next = max(j.next, s.first)
			continue
		}
		j.appended = max(j.appended, s.last)
		j.next = max(j.next, s.last+1)
		s.forget(j.released)
		j.segments = append(j.segments, &s)
		j.bytes += s.disk
	}
	return hollow
}

// tidy writes the checkpoint where it is not whole and removes what is not
// needed. A full disk does not keep the journal from being opened.
func (j *Journal) tidy(gone []string, whole bool) error {
	obsolete := j.obsolete()
	if c := j.mark(); !whole || c != j.saved && len(gone)+len(obsolete) > 0 {
		if err := j.saveCheckpoint(c); err != nil {
			if !errors.Is(err, ErrFull) {
				return err
			}
			j.o.Log.Warn("journal: the disk is full; released entries may be read again", "error", err)
			j.passNames(gone)
			return nil
		}
	}
	for i, path := range gone {
		if err := j.o.Files.Remove(path); err != nil {
			j.o.Log.Warn("journal: a file that is not needed can not be removed", "error", err)
			j.passNames(gone[i : i+1])
		}
	}
	if len(gone) > 0 && len(obsolete) == 0 {
		if err := j.o.Files.SyncDir(j.o.Dir); err != nil {
			return failure("sync "+j.o.Dir, err)
		}
	}
	return j.remove(obsolete)
}

// passNames keeps the next segment from a name that is taken.
func (j *Journal) passNames(paths []string) {
	for _, path := range paths {
		if first, _, ok := parseName(filepath.Base(path)); ok {
			j.next = max(j.next, first+1)
		}
	}
}
