package csvfile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// maxHeader is the longest header, in bytes.
const maxHeader = 64 << 10

// maxItems is more than any questionnaire has.
const maxItems = 200

// separators are those of a file that does not say which it has.
var separators = []byte{',', '\t', ';', '|'}

var bom = []byte("\xef\xbb\xbf")

// key is what two spellings of a column's name have in common: letters and
// digits, in lower case.
func key(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c >= utf8.RuneSelf:
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return -1
	}, name)
}

// item returns the number of an item's column, of its key: item1, item01;
// 0 for other names.
func item(key string) int {
	digits, ok := strings.CutPrefix(key, "item")
	if !ok || len(digits) > 4 {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxItems {
		return 0
	}
	return n
}

// fieldKeys are the fields of the wire by their key.
var fieldKeys = func() map[string]string {
	keys := make(map[string]string, len(wire.Fields))
	for name := range wire.Fields {
		keys[key(name)] = name
	}
	return keys
}()

// canonical returns the one spelling of a column's name; ok is false for names
// that no field and no covariate of a programme has.
func canonical(name string, covariates map[string]string) (field string, ok bool) {
	k := key(name)
	if n := item(k); n > 0 {
		return "item_" + strconv.Itoa(n), true
	}
	if field, ok = fieldKeys[k]; ok {
		return field, true
	}
	field, ok = covariates[k]
	return field, ok
}

// covariatesOf are the covariates of all programmes by their key.
func covariatesOf(s *ingest.Setting) map[string]string {
	names := map[string]string{}
	for _, p := range s.Programmes {
		for _, c := range p.Covariates {
			names[key(c.Name)] = c.Name
		}
	}
	return names
}

// header reads the first record of head with each separator and returns the
// reading with the most columns that known knows; of equals the one with the
// most columns.
func header(head []byte, separators []byte, known func(name string) bool) (names []string, comma byte) {
	best := -1
	for _, c := range separators {
		s := newScanner(bytes.NewReader(head), c)
		if how, err := s.record(); how != whole || err != nil {
			continue
		}
		score := min(len(s.cells), 1000)
		for _, cell := range s.cells {
			if known(string(cell)) {
				score += 1000
			}
		}
		if score > best {
			best, comma, names = score, c, names[:0]
			for _, cell := range s.cells {
				names = append(names, string(cell))
			}
		}
	}
	return names, comma
}

// detect knows a file by its header: it names the patient, or most of its
// columns are fields. A spelling mistake does not make it another format.
func detect(head []byte) bool {
	head = bytes.TrimPrefix(head, bom)
	if len(head) == 0 || head[0] == '{' || head[0] == '[' || head[0] == '<' || bytes.IndexByte(head[:min(len(head), maxHeader)], 0) >= 0 {
		return false
	}
	known := func(name string) bool {
		_, ok := canonical(name, nil)
		return ok
	}
	names, _ := header(head, separators, known)
	count := 0
	for _, name := range names {
		switch {
		case key(name) == "patientnhsnumber", key(name) == "patientpseudonym":
			return len(names) > 1
		case known(name):
			count++
		}
	}
	return len(names) > 1 && 2*count >= len(names)
}

// readHeader reads the header from in, which begins with head and stands after
// the header then.
func readHeader(source string, in io.Reader, head []byte, m *mapping, known func(string) bool) (names []string, s *scanner, err error) {
	allowed := separators
	if m.Delimiter != "" {
		allowed = []byte{m.comma()}
	}
	names, comma := header(head[:min(len(head), maxHeader)], allowed, known)
	s = newScanner(in, comma)
	if len(names) == 0 {
		return nil, nil, &ingest.FileError{Source: source, Wrong: "has no header", Advice: "write the names of the columns into the first line"}
	}
	if how, err := s.record(); how != whole || err != nil || len(s.cells) != len(names) {
		return nil, nil, &ingest.FileError{Source: source, Wrong: "has a header that can not be read", Advice: "write the names of the columns into the first line, at most 64 KiB", Err: err}
	}
	return names, s, checkNames(source, names)
}

// checkNames refuses a header whose names can not be told.
func checkNames(source string, names []string) error {
	for i, name := range names {
		switch {
		case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
			return &ingest.FileError{Source: source, Wrong: fmt.Sprintf("is not UTF-8 (the name of column %d)", i+1), Advice: "save it as CSV UTF-8, or declare encoding: windows-1252 in a mapping file"}
		case strings.ContainsRune(name, '\r'):
			return &ingest.FileError{Source: source, Wrong: "has the line ends of old Macs", Advice: "save it as CSV UTF-8"}
		}
	}
	return nil
}

// clip makes a column's name fit for a message.
func clip(name string) string {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(name, "?"))
}

// meant ends a message with the known name that is nearest to the given one,
// where one is near.
func meant(name string, known []string) string {
	if best, ok := nearest(name, known); ok {
		return "; did you mean " + best + "?"
	}
	return ""
}

// nearest returns the known name with the fewest changes of a letter from name,
// at most a third of its letters.
func nearest(name string, known []string) (best string, ok bool) {
	k := key(name)
	if len(k) > 100 {
		return "", false
	}
	least := len(k)/3 + 1
	for _, other := range known {
		if d := distance(k, key(other)); d < least {
			best, least, ok = other, d, true
		}
	}
	return best, ok
}

// distance is the number of letters to change, add, take away or swap with
// their neighbour, that make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := range x {
		now[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			now[j+1] = min(last[j+1]+1, now[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(y)]
}

// fieldNames are the names that a column may have, in order.
func fieldNames(covariates map[string]string) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(wire.Fields)), maps.Values(covariates))
	slices.Sort(names)
	return slices.Compact(names)
}
