package record

import "testing"

func day(t *testing.T, text string) Date {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// england is a corner of a country whose boards merge twice: QAA and QBB into
// QNN on 1 April 2026, QNN and QCC into QXX a year later. QSS is divided.
func england(t *testing.T) *Organisations {
	t.Helper()
	span := func(code string, kind OrganisationKind, parent, successor, from, to string) Organisation {
		return Organisation{Code: code, Kind: kind, Name: code, Parent: parent, Successor: successor, ValidFrom: day(t, from), ValidTo: day(t, to)}
	}
	return NewOrganisations([]Organisation{
		span("QXX", KindICB, "Y63", "", "2027-04-01", ""),
		span("QAA", KindICB, "Y63", "QNN", "2022-07-01", "2026-03-31"),
		span("QBB", KindICB, "Y63", "QNN", "2022-07-01", "2026-03-31"),
		span("QNN", KindICB, "Y63", "QXX", "2026-04-01", "2027-03-31"),
		span("QCC", KindICB, "Y63", "QXX", "2022-07-01", "2027-03-31"),
		span("QSS", KindICB, "Y63", "", "2022-07-01", "2026-03-31"),
		span("16C", KindSubICB, "QAA", "", "2022-07-01", "2026-03-31"),
		span("16C", KindSubICB, "QNN", "", "2026-04-01", ""),
		span("16C", KindCCG, "", "", "2020-04-01", "2022-06-30"),
		span("00C", KindCCG, "", "16C", "2013-04-01", "2020-03-31"),
		span("A81001", KindPractice, "00C", "", "2013-04-01", ""),
		span("A81002", KindPractice, "QSS", "", "2013-04-01", "2026-03-31"),
		span("A81002", KindPractice, "QCC", "", "2026-04-01", ""),
		span("Y63", KindRegion, "", "", "", ""),
	})
}

// TestAsNow: before a merger as it was, after it as it is; a chain of two; what
// is not known, has not begun or left nobody behind stays.
func TestAsNow(t *testing.T) {
	o := england(t)
	for _, c := range []struct{ code, on, want string }{
		{"QAA", "2026-03-31", "QAA"}, {"QAA", "2026-04-01", "QNN"}, {"QAA", "2027-03-31", "QNN"}, {"QAA", "2027-04-01", "QXX"},
		{"QBB", "2026-04-01", "QNN"}, {"QCC", "2026-04-01", "QCC"}, {"QCC", "2030-01-01", "QXX"},
		{"QSS", "2030-01-01", "QSS"}, {"QXX", "2025-01-01", "QXX"}, {"QAA", "2000-01-01", "QAA"}, {"QZZ", "2026-04-01", "QZZ"}, {"", "2026-04-01", ""},
		{"00C", "2020-03-31", "00C"}, {"00C", "2020-04-01", "16C"}, {"00C", "2026-04-01", "16C"}, {"16C", "2022-06-30", "16C"},
	} {
		if got := o.AsNow(c.code, day(t, c.on)); got != c.want {
			t.Errorf("%s on %s is %q, want %q", c.code, c.on, got, c.want)
		}
	}
}

// TestAbove: the board of a practice on a day, also of one whose board was
// divided, which no successor can tell.
func TestAbove(t *testing.T) {
	o := england(t)
	for _, c := range []struct {
		code string
		kind OrganisationKind
		on   string
		want string
	}{
		{"A81001", KindICB, "2025-01-01", "QAA"}, {"A81001", KindICB, "2026-04-01", "QNN"}, {"A81001", KindICB, "2027-04-01", "QXX"},
		{"A81001", KindRegion, "2027-04-01", "Y63"}, {"A81001", KindSubICB, "2025-01-01", "16C"}, {"A81001", KindPractice, "2025-01-01", "A81001"},
		{"A81001", KindCCG, "2014-01-01", "00C"}, {"A81001", KindICB, "2014-01-01", ""}, {"A81001", KindTrust, "2025-01-01", ""},
		{"A81002", KindICB, "2026-03-31", "QSS"}, {"A81002", KindICB, "2026-04-01", "QCC"}, {"QZZ", KindICB, "2026-04-01", ""},
	} {
		if got, ok := o.Above(c.code, c.kind, day(t, c.on)); got != c.want || ok != (c.want != "") {
			t.Errorf("the %s of %s on %s is %q, %t, want %q", c.kind, c.code, c.on, got, ok, c.want)
		}
	}
}

// TestCirclesEnd: a list that goes in circles is found out, and ends even where
// nobody looked.
func TestCirclesEnd(t *testing.T) {
	if code, ok := england(t).Circle(); ok {
		t.Errorf("%s goes in a circle", code)
	}
	if at, ok := england(t).Overlap(); ok {
		t.Errorf("time %d overlaps", at)
	}
	ended := day(t, "2020-01-01")
	circle := NewOrganisations([]Organisation{
		{Code: "A", Successor: "B", Parent: "B", ValidTo: ended}, {Code: "B", Successor: "C", Parent: "A", ValidTo: ended}, {Code: "C", Successor: "A", ValidTo: ended},
		{Code: "P", Parent: "Q"}, {Code: "Q", Parent: "P"},
	})
	if _, ok := circle.Circle(); !ok {
		t.Error("a circle of three is not found")
	}
	circle.AsNow("A", day(t, "2026-01-01"))
	if _, ok := circle.Above("P", KindICB, day(t, "2026-01-01")); ok {
		t.Error("two organisations within each other are within a third")
	}
	twice := NewOrganisations([]Organisation{{Code: "A", ValidFrom: 10}, {Code: "A", ValidTo: 10}})
	if at, ok := twice.Overlap(); !ok || at != 1 {
		t.Errorf("Overlap = %d, %t: both hold on one day", at, ok)
	}
}

func TestOrganisationKinds(t *testing.T) {
	for i, word := range OrganisationKinds() {
		if k, ok := OrganisationKindOf(word); !ok || int(k) != i || k.String() != word {
			t.Errorf("%s is %d, %t", word, k, ok)
		}
	}
	if _, ok := OrganisationKindOf("hospital"); ok || OrganisationKind(99).String() != "unknown" {
		t.Error("a word that is no kind is one")
	}
}
