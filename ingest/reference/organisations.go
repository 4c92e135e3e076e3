package reference

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// Kind is what an organisation is.
type Kind int8

// Kinds of organisation, as the store's Enum8.
const (
	Practice Kind = 1
	Site     Kind = 2
	Trust    Kind = 3 // or another provider
	ICB      Kind = 4
	Region   Kind = 5
)

// kinds are the words for them.
var kinds = map[string]Kind{"practice": Practice, "site": Site, "trust": Trust, "provider": Trust, "icb": ICB, "region": Region}

// Organisation is one organisation during one time: who its parent is changes.
type Organisation struct {
	Code string
	Kind Kind
	Name string
	// Parent is the code of what it belonged to; empty = none.
	Parent string
	// Successor is the code of what it became when it ended; empty = none.
	Successor string
	// ValidFrom is its first day and ValidTo its last; zero = not known, no end.
	ValidFrom, ValidTo record.Date

	line int
}

// organisationColumns are the columns of a list of organisations.
var organisationColumns = []string{"code", "kind|type", "name"}

// Organisations reads a list of organisations: columns code, kind (practice,
// site, trust or provider, icb, region) and name, and where the list has them
// parent, successor, valid_from and valid_to. A code may stand there several
// times, for times that do not overlap. The error is a Problems or a
// ingest.FileError; no list is returned then.
func Organisations(source string, in io.Reader) ([]Organisation, error) {
	t, err := openTable(source, in, organisationColumns, []string{"parent", "successor", "valid_from", "valid_to"})
	if err != nil {
		return nil, err
	}
	var list []Organisation
	for {
		if err := t.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		list = append(list, readOrganisation(t))
	}
	checkTimes(t, list)
	checkSuccession(t, list)
	if err := t.end(); err != nil {
		return nil, err
	}
	return list, nil
}

func readOrganisation(t *table) Organisation {
	o := Organisation{
		Code: t.get("code"), Name: t.get("name"), Parent: t.get("parent"), Successor: t.get("successor"),
		ValidFrom: t.date("valid_from"), ValidTo: t.date("valid_to"), line: t.line,
	}
	var known bool
	if o.Kind, known = kinds[strings.ToLower(t.get("kind"))]; !known {
		t.wrong("kind", ingest.RuleNotAllowed)
	}
	switch {
	case o.Name == "":
		t.wrong("name", ingest.RuleRequired)
	case o.ValidTo != 0 && o.ValidTo < o.ValidFrom:
		t.wrong("valid_to", ingest.RuleDateOrder)
	case o.Successor != "" && o.ValidTo == 0:
		t.wrong("valid_to", ingest.RuleRequired) // who has a successor has ended
	}
	for _, c := range []struct{ column, code string }{{"code", o.Code}, {"parent", o.Parent}, {"successor", o.Successor}} {
		switch {
		case c.code == "" && c.column != "code":
		case !isCode(c.code):
			t.wrong(c.column, ingest.RuleMalformed)
		case c.column != "code" && c.code == o.Code:
			t.wrong(c.column, ingest.RuleContradiction)
		}
	}
	return o
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
func checkTimes(t *table, list []Organisation) {
	order := make([]*Organisation, len(list))
	for i := range list {
		order[i] = &list[i]
	}
	slices.SortStableFunc(order, func(a, b *Organisation) int {
		if c := strings.Compare(a.Code, b.Code); c != 0 {
			return c
		}
		return int(a.ValidFrom) - int(b.ValidFrom)
	})
	for i := 1; i < len(order); i++ {
		if last, now := order[i-1], order[i]; last.Code == now.Code && (last.ValidTo == 0 || last.ValidTo >= now.ValidFrom) {
			t.line = now.line
			t.wrong("valid_from", ingest.RuleRepeated)
		}
	}
}

// checkSuccession looks for organisations that become themselves again by way
// of their successors: a chart of today's organisations would never end.
func checkSuccession(t *table, list []Organisation) {
	next := map[string]string{}
	for _, o := range list {
		if o.Successor != "" {
			next[o.Code] = o.Successor
		}
	}
	done := map[string]bool{}
	for i := range list {
		path := map[string]bool{}
		for code := list[i].Code; code != "" && !done[code]; code = next[code] {
			if path[code] {
				t.line = list[i].line
				t.wrong("successor", ingest.RuleContradiction)
				break
			}
			path[code] = true
		}
		for code := range path {
			done[code] = true
		}
	}
}
