package reference

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// kindWords are further words of lists for a kind; none is "not stated", which
// the first letter of a code does not tell.
var kindWords = map[string]record.OrganisationKind{
	"":                   record.KindUnknown,
	"provider":           record.KindTrust,
	"ccg of gp practice": record.KindCCG,
}

// lastCCG is the last day on which there were clinical commissioning groups.
var lastCCG = record.NewDate(2022, time.June, 30)

// line is an organisation and where it stands in its list.
type line struct {
	record.Organisation
	at int
}

// organisationColumns are the columns of a list of organisations.
var organisationColumns = []string{"code", "kind|type", "name"}

// Organisations reads a list of organisations: columns code, kind or type (a
// word of record.OrganisationKinds, or provider; empty where it is not known)
// and name, and where the list has them parent, successor, valid_from and
// valid_to. A list of one kind by the codes of the Office for National
// Statistics (icb24_code and icb24_name, or ICB24CD and ICB24NM) needs no kind.
// A code may stand there several times, for times that do not overlap. A
// clinical commissioning group whose end is not told ended with the last of
// them. The error is a Problems or a ingest.FileError; no list is returned then.
func Organisations(source string, in io.Reader) ([]record.Organisation, error) {
	header := &statistics{}
	t, err := openTable(source, in, header.columns, []string{"parent", "successor", "valid_from", "valid_to"})
	if err != nil {
		return nil, err
	}
	var lines []line
	for {
		if err := t.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		lines = append(lines, line{readOrganisation(t, header), t.line})
	}
	checkTimes(t, lines)
	checkSuccession(t, lines)
	if err := t.end(); err != nil {
		return nil, err
	}
	list := make([]record.Organisation, len(lines))
	for i := range lines {
		list[i] = lines[i].Organisation
	}
	return list, nil
}

// statistics is what the header of a list of the Office for National Statistics
// says: which kind of organisation its codes are of.
type statistics struct {
	kind record.OrganisationKind
	is   bool
}

var (
	onsHeader = regexp.MustCompile(`^(icb|sicbl|nhser|ccg)\d\d(?:_?cd|_code|_?nm|_name)$`)
	onsKinds  = map[string]record.OrganisationKind{"icb": record.KindICB, "sicbl": record.KindSubICB, "nhser": record.KindRegion, "ccg": record.KindCCG}
	onsCode   = regexp.MustCompile(`^[EW]\d{8}$`)
)

// columns are those that a header must have. Where it is one of the Office for
// National Statistics, its columns are renamed first.
func (s *statistics) columns(header []string) []string {
	for i, name := range header {
		m := onsHeader.FindStringSubmatch(name)
		if m == nil || s.is && onsKinds[m[1]] != s.kind {
			continue
		}
		s.is, s.kind = true, onsKinds[m[1]]
		if header[i] = "code"; strings.HasSuffix(name, "nm") || strings.HasSuffix(name, "name") {
			header[i] = "name"
		}
	}
	if s.is {
		return []string{"code", "name"}
	}
	return organisationColumns
}

func readOrganisation(t *table, header *statistics) record.Organisation {
	o := record.Organisation{
		Code: t.get("code"), CodeSystem: record.CodeODS, Name: t.get("name"), Parent: t.get("parent"), Successor: t.get("successor"),
		ValidFrom: t.date("valid_from"), ValidTo: t.date("valid_to"),
	}
	if header.is {
		o.CodeSystem, o.Kind = record.CodeONS, header.kind
	} else if o.Kind = kindOf(t.get("kind")); o.Kind < 0 {
		t.wrong("kind", ingest.RuleNotAllowed)
	}
	if o.Kind == record.KindCCG && o.ValidTo == 0 {
		o.ValidTo = lastCCG
	}
	switch {
	case o.Name == "":
		t.wrong("name", ingest.RuleRequired)
	case o.ValidTo != 0 && o.ValidTo < o.ValidFrom:
		t.wrong("valid_to", ingest.RuleDateOrder)
	case o.Kind == record.KindCCG && o.ValidTo > lastCCG:
		t.wrong("valid_to", ingest.RuleOutOfRange)
	case o.Successor != "" && o.ValidTo == 0:
		t.wrong("valid_to", ingest.RuleRequired) // who has a successor has ended
	}
	for _, c := range []struct{ column, code string }{{"code", o.Code}, {"parent", o.Parent}, {"successor", o.Successor}} {
		switch {
		case c.code == "" && c.column != "code":
		case !isCode(c.code), header.is && !onsCode.MatchString(c.code):
			t.wrong(c.column, ingest.RuleMalformed)
		case c.column != "code" && c.code == o.Code:
			t.wrong(c.column, ingest.RuleContradiction)
		}
	}
	return o
}

// kindOf returns the kind of a list's word, −1 of none.
func kindOf(word string) record.OrganisationKind {
	word = strings.ToLower(word)
	if k, ok := record.OrganisationKindOf(word); ok {
		return k
	}
	if k, ok := kindWords[word]; ok {
		return k
	}
	return -1
}

// isCode reports whether the text may be a code of the Organisation Data
// Service: letters and digits in capitals. Its first letter says nothing.
func isCode(text string) bool {
	if len(text) < 2 || len(text) > 12 {
		return false
	}
	for _, c := range []byte(text) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// checkTimes looks for two lines of one code that are true at once.
func checkTimes(t *table, lines []line) {
	order := slices.Clone(lines)
	slices.SortStableFunc(order, func(a, b line) int { return record.CompareOrganisations(a.Organisation, b.Organisation) })
	for i := 1; i < len(order); i++ {
		if last, now := &order[i-1], &order[i]; last.Code == now.Code && (last.ValidTo == 0 || last.ValidTo >= now.ValidFrom) {
			t.line = now.at
			t.wrong("valid_from", ingest.RuleRepeated)
		}
	}
}

// checkSuccession looks for organisations that become themselves again by way
// of their successors.
func checkSuccession(t *table, lines []line) {
	list := make([]record.Organisation, len(lines))
	for i := range lines {
		list[i] = lines[i].Organisation
	}
	code, circle := record.NewOrganisations(list).Circle()
	if !circle {
		return
	}
	at := slices.IndexFunc(lines, func(l line) bool { return l.Code == code && l.Successor != "" })
	t.line = lines[at].at
	t.wrong("successor", ingest.RuleContradiction)
}
