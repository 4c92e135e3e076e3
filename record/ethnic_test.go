package record

import "testing"

// TestEthnicGroup: the specification's categories, and no other text.
func TestEthnicGroup(t *testing.T) {
	groups := map[string]string{"99": EthnicUnknown}
	for codes, group := range map[string]string{
		"ABC": EthnicWhite, "DEFG": EthnicMixed, "HJKL": EthnicAsian, "MNP": EthnicBlack, "RS": EthnicOther, "Z": EthnicNotStated,
	} {
		for _, c := range codes {
			groups[string(c)] = group
		}
	}
	for c := ' '; c <= '~'; c++ {
		groups[string(c)] += ""
	}
	for category, group := range groups {
		if got, ok := EthnicGroup(category); got != group || ok != (group != "") {
			t.Errorf("EthnicGroup(%q) = %q, %t, want %q", category, got, ok, group)
		}
	}
}

// TestEthnicGroupNamed: groups by name in any case, and categories.
func TestEthnicGroupNamed(t *testing.T) {
	for text, want := range map[string]string{
		"white": EthnicWhite, "White": EthnicWhite, "Not stated": EthnicNotStated, "R": EthnicOther, "99": EthnicUnknown,
		"": "", "I": "", "caucasian": "", "a": "",
	} {
		if got, ok := EthnicGroupNamed(text); got != want || ok != (want != "") {
			t.Errorf("EthnicGroupNamed(%q) = %q, %t, want %q", text, got, ok, want)
		}
	}
}
