package record

import (
	"cmp"
	"slices"
)

// OrganisationKind is what an organisation is.
type OrganisationKind int8

// Kinds of organisation, as the store's Enum8.
const (
	KindUnknown  OrganisationKind = 0 // the list does not say, and a code's first letter tells nothing
	KindPractice OrganisationKind = 1
	KindSite     OrganisationKind = 2
	KindTrust    OrganisationKind = 3 // or another provider
	KindICB      OrganisationKind = 4
	KindRegion   OrganisationKind = 5
	// KindCCG is a clinical commissioning group: the commissioners until 30 June
	// 2022.
	KindCCG OrganisationKind = 6
	// KindSubICB is a location of an ICB. It has the code of the CCG that it was.
	KindSubICB OrganisationKind = 7
)

var organisationKinds = []string{"unknown", "practice", "site", "trust", "icb", "region", "ccg", "sub_icb"}

// OrganisationKinds returns the words for the kinds, in their order.
func OrganisationKinds() []string { return slices.Clone(organisationKinds) }

// String returns the word for the kind.
func (k OrganisationKind) String() string {
	if k < 0 || int(k) >= len(organisationKinds) {
		return organisationKinds[0]
	}
	return organisationKinds[k]
}

// OrganisationKindOf returns the kind of that word.
func OrganisationKindOf(word string) (OrganisationKind, bool) {
	i := slices.Index(organisationKinds, word)
	return OrganisationKind(max(i, 0)), i >= 0
}

// Systems of codes.
const (
	CodeODS = "ods" // the NHS's Organisation Data Service
	CodeONS = "ons" // the Office for National Statistics (E54000050)
)

// Organisation is one organisation during one time: its name, its parent and
// what it became change.
type Organisation struct {
	Code       string
	CodeSystem string // CodeODS or CodeONS
	Kind       OrganisationKind
	Name       string
	// Parent is the code of what it belonged to; empty = none, or not known.
	Parent string
	// Successor is the code of what it became when this time ended; empty = none.
	Successor string
	// ValidFrom is its first day and ValidTo its last; zero = not known, no end.
	ValidFrom, ValidTo Date
}

// On reports whether the organisation was what it says on that day.
func (o *Organisation) On(day Date) bool {
	return o.ValidFrom <= day && (o.ValidTo == 0 || day <= o.ValidTo)
}

// CompareOrganisations orders by code, then by first day: the key of a list.
func CompareOrganisations(a, b Organisation) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ValidFrom, b.ValidFrom))
}

// Organisations are the times of many organisations, by code.
type Organisations struct {
	list []Organisation
	at   map[string][2]int // the first and behind the last of a code
}

// NewOrganisations sorts a list. Its times must not overlap and its successors
// must lead somewhere: see Overlap and Circle.
func NewOrganisations(list []Organisation) *Organisations {
	o := &Organisations{list: slices.Clone(list), at: map[string][2]int{}}
	slices.SortStableFunc(o.list, CompareOrganisations)
	for i := range o.list {
		code := o.list[i].Code
		span, known := o.at[code]
		if !known {
			span[0] = i
		}
		o.at[code] = [2]int{span[0], i + 1}
	}
	return o
}

// List returns all times of all organisations, by code and first day. The
// caller leaves it as it is.
func (o *Organisations) List() []Organisation { return o.list }

// Of returns the times of one code, the earliest first.
func (o *Organisations) Of(code string) []Organisation {
	span := o.at[code]
	return o.list[span[0]:span[1]]
}

// On returns the organisation of that code as it was on a day.
func (o *Organisations) On(code string, day Date) (Organisation, bool) {
	for _, one := range o.Of(code) {
		if one.On(day) {
			return one, true
		}
	}
	return Organisation{}, false
}

// AsNow returns the code of what an organisation was or had become on a day: its
// own while it was there, else that of its successor, of whose successor, and
// so on. A code whose last time ended without a successor, one that had not
// begun and one that is not known stay as they are: a person is never lost to a
// chart, nor moved by a guess.
func (o *Organisations) AsNow(code string, day Date) string {
	for range o.list { // no chain is longer than the list
		next, moved := o.successor(code, day)
		if !moved {
			return code
		}
		code = next
	}
	return code
}

// successor returns what follows a code that was no more on a day.
func (o *Organisations) successor(code string, day Date) (next string, moved bool) {
	for _, one := range o.Of(code) {
		switch {
		case one.On(day):
			return "", false
		case one.ValidTo != 0 && one.ValidTo < day:
			next = one.Successor // of the last time that had ended
		}
	}
	return next, next != ""
}

// Above returns the code of the organisation of a kind that another one was
// within on a day, by way of parents: the ICB of a practice. Each step is taken
// at that day, so that an organisation that has gone is followed to its
// successor. An organisation is within itself.
func (o *Organisations) Above(code string, kind OrganisationKind, day Date) (above string, ok bool) {
	for range o.list {
		code = o.AsNow(code, day)
		one, known := o.On(code, day)
		switch {
		case !known:
			return "", false
		case one.Kind == kind:
			return code, true
		case one.Parent == "":
			return "", false
		}
		code = one.Parent
	}
	return "", false
}

// Overlap returns the place in List of a time that begins before the one of the
// same code in front of it has ended; ok is false where there is none.
func (o *Organisations) Overlap() (at int, ok bool) {
	for i := 1; i < len(o.list); i++ {
		if last := &o.list[i-1]; last.Code == o.list[i].Code && (last.ValidTo == 0 || last.ValidTo >= o.list[i].ValidFrom) {
			return i, true
		}
	}
	return 0, false
}

// Circle returns a code that becomes itself again by way of its successors: a
// chart of today's organisations would never end. ok is false where there is
// none.
func (o *Organisations) Circle() (code string, ok bool) {
	next := map[string][]string{}
	for _, one := range o.list {
		if one.Successor != "" {
			next[one.Code] = append(next[one.Code], one.Successor)
		}
	}
	const under, done = 1, 2
	state := map[string]int{}
	var visit func(code string) bool
	visit = func(code string) bool {
		switch state[code] {
		case under:
			return true
		case done:
			return false
		}
		state[code] = under
		for _, n := range next[code] {
			if visit(n) {
				return true
			}
		}
		state[code] = done
		return false
	}
	for i := range o.list {
		if visit(o.list[i].Code) {
			return o.list[i].Code, true
		}
	}
	return "", false
}

// Deprivation is how deprived a small area is, in one edition of the indices.
type Deprivation struct {
	LSOA string
	// Decile is the published one, 1 = the most deprived tenth of the areas.
	Decile uint8
}
