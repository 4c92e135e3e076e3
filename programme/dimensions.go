package programme

import "slices"

// Dimension is one way to group people.
type Dimension struct {
	Name   string // on the wire
	Label  string
	Column string // of outcome; of a derived dimension the column it is derived from
	Kind   string // text | enum | integer | derived
}

// Kinds of dimension.
const (
	KindText    = "text"    // a code as it stands in the column
	KindEnum    = "enum"    // one of a closed set
	KindInteger = "integer" // a whole number, shown as such
	KindDerived = "derived" // a function of the column: deciles by two, the month
)

var dimensions = []Dimension{
	{"provider", "Provider", "provider", KindText},
	{"site", "Site", "site", KindText},
	{"practice", "GP practice", "practice", KindText},
	{"icb", "Integrated care board", "icb", KindText},
	{"region", "Region", "region", KindText},
	{"intervention", "Intervention", "intervention", KindText},
	{"procedure", "Procedure", "procedure", KindText},
	{"sex", "Sex", "sex", KindEnum},
	{"age_band", "Age band", "age_band", KindText},
	{"imd_quintile", "Deprivation quintile", "imd_decile", KindDerived},
	{"ethnic_group", "Ethnic group", "ethnic_group", KindText},
	{"startback_risk", "STarT Back risk", "startback_risk", KindEnum},
	{"year", "Financial year of referral", "fy", KindInteger},
	{"month", "Month of referral", "referred_on", KindDerived},
}

// Dimensions returns every dimension, in the order in which they are shown.
func Dimensions() []Dimension { return slices.Clone(dimensions) }

// LookupDimension returns the dimension of that name on the wire.
func LookupDimension(name string) (Dimension, bool) {
	i := slices.IndexFunc(dimensions, func(d Dimension) bool { return d.Name == name })
	if i < 0 {
		return Dimension{}, false
	}
	return dimensions[i], true
}

// AgeBand is a range of ages, in completed years, both ends included.
type AgeBand struct {
	Label    string
	From, To uint8
}

var ageBands = []AgeBand{
	{"16-24", 16, 24}, {"25-34", 25, 34}, {"35-44", 35, 44}, {"45-54", 45, 54},
	{"55-64", 55, 64}, {"65-74", 65, 74}, {"75-84", 75, 84}, {"85+", 85, 255},
}

// AgeBands returns the bands of published boards, youngest first. An episode
// that states its own band keeps that one.
func AgeBands() []AgeBand { return slices.Clone(ageBands) }

// AgeBandOf returns the label of the band that holds the age; empty where the
// age is unknown (0) or below the first band.
func AgeBandOf(age uint8) string {
	for _, b := range ageBands {
		if age >= b.From && age <= b.To {
			return b.Label
		}
	}
	return ""
}
