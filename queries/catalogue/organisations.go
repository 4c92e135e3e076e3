package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
)

// OrganisationSource has the list of organisations that is in force.
type OrganisationSource interface {
	List(ctx context.Context, name, edition string) (l read.List, ok bool, err error)
	Organisations(ctx context.Context) (*record.Organisations, read.List, error)
}

// Organisations lists organisations as they were and as they are. It is safe for
// concurrent use.
type Organisations struct {
	source OrganisationSource
	now    func() time.Time

	mu   sync.Mutex
	list *record.Organisations // as last read
	of   read.List
}

// NewOrganisations returns the directory over a source. The clock says which day
// is today.
func NewOrganisations(source OrganisationSource, now func() time.Time) *Organisations {
	return &Organisations{source: source, now: now}
}

// Organisation is one organisation during one time.
type Organisation struct {
	Code       string  `json:"code"`
	CodeSystem string  `json:"code_system"`
	Kind       string  `json:"kind"`
	Name       string  `json:"name"`
	Parent     *string `json:"parent"`
	Successor  *string `json:"successor"`
	ValidFrom  *string `json:"valid_from"` // first day; null = not known
	ValidTo    *string `json:"valid_to"`   // last day; null = none
	// AsNow is the code of what it is, or has become, on the day asked about, or
	// today.
	AsNow string `json:"as_now"`
}

// OrganisationList is a page of organisations.
type OrganisationList struct {
	List[Organisation]
	// Next is what to ask for with after; null at the end.
	Next *string `json:"next"`
}

// OrganisationQuery says which organisations to list, each field as written on
// the wire; an empty one asks for all.
type OrganisationQuery struct {
	Kind, Code, On, After, Limit string
}

// Bounds of a page.
const (
	pageOrganisations = 1000
	mostOrganisations = 10_000
)

// List returns a page of organisations in the order of their codes and first
// days. What is wrong with the query is a queries.InvalidArgument.
func (o *Organisations) List(ctx context.Context, q OrganisationQuery) (OrganisationList, error) {
	wanted, err := o.parse(q)
	if err != nil {
		return OrganisationList{}, err
	}
	all, of, err := o.current(ctx)
	if err != nil {
		return OrganisationList{}, err
	}
	out := OrganisationList{}
	var rows []Organisation
	sorted := all.List()
	first, _ := slices.BinarySearchFunc(sorted, wanted.after, record.CompareOrganisations)
	for i := first; i < len(sorted); i++ {
		v := &sorted[i]
		if record.CompareOrganisations(*v, wanted.after) == 0 || !wanted.takes(v) {
			continue
		}
		if len(rows) == wanted.limit {
			last := rows[len(rows)-1]
			next := last.Code
			if last.ValidFrom != nil {
				next += " " + *last.ValidFrom
			}
			out.Next = &next
			break
		}
		rows = append(rows, organisation(v, all.AsNow(v.Code, wanted.day)))
	}
	note := "No list of organisations is loaded (lumbar reference import organisations FILE)."
	if of.Version > 0 {
		note = fmt.Sprintf("As listed on %s; as_now is of %s.", of.ReceivedAt.UTC().Format(time.DateOnly), wanted.day)
	}
	out.List = list(rows, note)
	return out, nil
}

// wanted is a query that was understood.
type wanted struct {
	kind  record.OrganisationKind
	any   bool // of any kind
	code  string
	day   record.Date // of AsNow
	on    bool        // and of validity
	after record.Organisation
	limit int
}

func (w *wanted) takes(v *record.Organisation) bool {
	return (w.any || v.Kind == w.kind) && (w.code == "" || v.Code == w.code) && (!w.on || v.On(w.day))
}

func (o *Organisations) parse(q OrganisationQuery) (wanted, error) {
	w := wanted{any: q.Kind == "", code: q.Code, day: record.DateOf(o.now()), on: q.On != "", limit: pageOrganisations}
	wrong := func(format string, args ...any) (wanted, error) {
		return w, &queries.Error{Kind: queries.InvalidArgument, Message: fmt.Sprintf(format, args...)}
	}
	var err error
	known := true
	if !w.any {
		w.kind, known = record.OrganisationKindOf(q.Kind)
	}
	if !known {
		return wrong("there is no such kind: take one of %s", strings.Join(record.OrganisationKinds(), ", "))
	}
	if w.on {
		if w.day, err = record.ParseDate(q.On); err != nil {
			return wrong("on must be a day written as 2026-04-01")
		}
	}
	if q.Limit != "" {
		if w.limit, err = strconv.Atoi(q.Limit); err != nil || w.limit < 1 || w.limit > mostOrganisations {
			return wrong("limit must be a whole number from 1 to %d", mostOrganisations)
		}
	}
	code, from, _ := strings.Cut(q.After, " ")
	w.after = record.Organisation{Code: code}
	if from != "" {
		if w.after.ValidFrom, err = record.ParseDate(from); err != nil {
			return wrong("after must be what next said")
		}
	}
	return w, nil
}

// current is the list in force, read once for each that is loaded.
func (o *Organisations) current(ctx context.Context) (*record.Organisations, read.List, error) {
	of, _, err := o.source.List(ctx, read.ListOrganisations, "")
	if err != nil {
		return nil, of, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list == nil || o.of.Version != of.Version {
		if o.list, of, err = o.source.Organisations(ctx); err != nil {
			o.list = nil
			return nil, of, err
		}
	}
	o.of = of
	return o.list, of, nil
}

func organisation(v *record.Organisation, now string) Organisation {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	day := func(d record.Date) *string {
		if d == 0 {
			return nil
		}
		return text(d.String())
	}
	return Organisation{
		Code: v.Code, CodeSystem: cmp.Or(v.CodeSystem, record.CodeODS), Kind: v.Kind.String(), Name: v.Name,
		Parent: text(v.Parent), Successor: text(v.Successor), ValidFrom: day(v.ValidFrom), ValidTo: day(v.ValidTo), AsNow: now,
	}
}

// OrganisationKinds are the words for the kinds.
func OrganisationKinds() []string { return record.OrganisationKinds() }
