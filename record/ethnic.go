package record

import (
	"slices"
	"strings"
)

// Ethnic groups of England's census of 2001, in which the NHS still records.
// The census of 2021 counts Chinese people among Asian ones.
const (
	EthnicWhite     = "white"
	EthnicMixed     = "mixed"
	EthnicAsian     = "asian"
	EthnicBlack     = "black"
	EthnicOther     = "other"
	EthnicNotStated = "not_stated"
	EthnicUnknown   = "unknown"
)

// EthnicGroup returns the group of an ethnic category of the NHS data
// dictionary: A to C, D to G, H, J to L, M, N, P, R, S, Z and 99. There is no I,
// O and Q. ok is false for any other text.
func EthnicGroup(category string) (group string, ok bool) {
	switch category {
	case "A", "B", "C":
		return EthnicWhite, true
	case "D", "E", "F", "G":
		return EthnicMixed, true
	case "H", "J", "K", "L":
		return EthnicAsian, true
	case "M", "N", "P":
		return EthnicBlack, true
	case "R", "S":
		return EthnicOther, true
	case "Z":
		return EthnicNotStated, true
	case "99":
		return EthnicUnknown, true
	}
	return "", false
}

// EthnicGroupNamed returns the group that a text names, in any case, or that an
// ethnic category of the NHS data dictionary is in. ok is false for any other
// text.
func EthnicGroupNamed(text string) (group string, ok bool) {
	if group, ok := EthnicGroup(text); ok {
		return group, true
	}
	group = strings.ReplaceAll(strings.ToLower(text), " ", "_")
	groups := []string{EthnicWhite, EthnicMixed, EthnicAsian, EthnicBlack, EthnicOther, EthnicNotStated, EthnicUnknown}
	if !slices.Contains(groups, group) {
		return "", false
	}
	return group, true
}
