package journal

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Steps of the index in memory: a point at least so often.
const (
	pointBytes = 64 << 10
	pointTime  = int64(time.Second)
)

// segment is one file. What can change is guarded by Journal.mu.
type segment struct {
	path    string
	salt    uint64
	first   uint64 // number of the first entry, and the file's name
	salvage bool   // an operator gave up what is damaged in it

	last    uint64 // of the last durable entry; first−1 where there is none
	keep    uint64 // the file stays until this is released too; only where salvage
	good    int64  // bytes up to the end of the last durable frame
	disk    int64  // bytes of the file
	points  []point
	gaps    []gap // only where salvage
	removed bool
}

// point is a frame to begin reading at.
type point struct {
	number uint64 // of its first entry
	offset int64
	at     int64
}

// gap is a stretch of a segment that is not readable.
type gap struct{ from, to int64 }

func (s *segment) empty() bool { return s.last < s.first }

// add notes a durable frame at the end.
func (s *segment) add(fr frame, offset int64) {
	s.last = fr.last()
	s.good = offset + fr.size()
	if n := len(s.points); n > 0 && !s.salvage {
		p := s.points[n-1]
		if step := fr.at - p.at; offset-p.offset < pointBytes && -pointTime < step && step < pointTime {
			return
		}
	}
	s.points = append(s.points, point{fr.first, offset, fr.at})
}

// find is the last point that is not behind a number. The segment is not empty.
func (s *segment) find(number uint64) point {
	i := sort.Search(len(s.points), func(i int) bool { return s.points[i].number > number })
	return s.points[max(i-1, 0)]
}

// forget drops the points that only lead to released entries.
func (s *segment) forget(released uint64) {
	i := sort.Search(len(s.points), func(i int) bool { return s.points[i].number > released+1 })
	if i > 1 {
		s.points = slices.Delete(s.points, 0, i-1)
	}
}

// skip is the offset behind the gap that begins at an offset, if one does.
func (s *segment) skip(offset int64) int64 {
	for _, g := range s.gaps {
		if g.from == offset {
			return g.to
		}
	}
	return offset
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf(segmentPattern, first))
}

// salvageName is how an operator gives up what is damaged in the file of that
// first number.
func salvageName(first uint64) string {
	return fmt.Sprintf(segmentPattern, first) + salvageSuffix
}

// parseName is false for a file that is no segment.
func parseName(name string) (first uint64, salvage, ok bool) {
	stem, salvage := strings.CutSuffix(name, salvageSuffix)
	digits, ok := strings.CutSuffix(stem, ".log")
	if !ok || len(digits) != 20 {
		return 0, false, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, salvage, err == nil && 0 < first && first <= highestNumber
}
