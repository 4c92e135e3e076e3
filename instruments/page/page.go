package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
)

// IDs lists the instruments that have a page, sorted.
func IDs() []instruments.ID {
	var ids []instruments.ID
	for _, d := range instruments.All() {
		ids = append(ids, d.ID)
	}
	return slices.Compact(ids)
}

// Of returns the page of an instrument with all its versions, the current one
// first. The error is of an unknown instrument, or of a rule that this package
// has no words for.
func Of(id instruments.ID) (string, error) {
	current, err := instruments.Lookup(id, "")
	if err != nil {
		return "", err
	}
	all := []*instruments.Definition{current}
	for _, d := range instruments.All() {
		if d.ID == id && d != current {
			all = append(all, d)
		}
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "# %s\n\n", current.Title)
	fmt.Fprintf(b, "`%s`. Written from its definition by `go generate ./instruments/page`; changes belong there. ", id)
	fmt.Fprintf(b, "`GET /v1/instruments/%s` answers the same as data.\n\n", id)
	versionTable(b, all)
	var first *sections
	for _, d := range all {
		level := "##"
		if len(all) > 1 {
			fmt.Fprintf(b, "## Version %s\n\n", d.Version)
			level = "###"
		}
		own, err := sectionsOf(d, level)
		if err != nil {
			return "", fmt.Errorf("page of %s %s: %w", d.ID, d.Version, err)
		}
		own.write(b, level, first)
		if first == nil {
			first = own
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n", nil
}

func versionTable(b *strings.Builder, all []*instruments.Definition) {
	b.WriteString("| version | answers are about | scored by | several boxes ticked |\n|---|---|---|---|\n")
	for _, d := range all {
		name := "`" + d.Version + "`"
		if d.Current {
			name += " (current)"
		}
		ticks := map[instruments.TickRule]string{
			instruments.HighestTick: "the highest code counts", instruments.LowestTick: "the lowest code counts",
			instruments.MissingTick: "the item is missing",
		}[d.SeveralTicks]
		fmt.Fprintf(b, "| %s | %s | `%s` | %s |\n", name, orDash(d.Recall), d.Algorithm, ticks)
	}
	b.WriteString("\nA response names its version; without one it is the current. Scores of versions that are scored differently are never mixed.\n\n")
}

// sections are the parts of a page that each version has.
type sections struct {
	definition             *instruments.Definition
	items, scores, example string
}

func sectionsOf(d *instruments.Definition, level string) (*sections, error) {
	var asked, scored, shown strings.Builder
	items(&asked, d)
	scores(&scored, d)
	for _, s := range d.Scores {
		if s.SameAs != "" {
			continue
		}
		if err := score(&scored, d, s, level+"#"); err != nil {
			return nil, err
		}
	}
	if len(d.Safety) > 0 {
		fmt.Fprintf(&scored, "%s Safety\n\n", level)
		if err := safety(&scored, d); err != nil {
			return nil, err
		}
	}
	if err := example(&shown, d); err != nil {
		return nil, err
	}
	return &sections{d, asked.String(), scored.String(), shown.String()}, nil
}

// write leaves out what a further version has as the first has it.
func (v *sections) write(b *strings.Builder, level string, first *sections) {
	d := v.definition
	fmt.Fprintf(b, "%s Items\n\n", level)
	if first != nil && v.items == first.items {
		fmt.Fprintf(b, "As in version %s.\n\n", first.definition.Version)
	} else {
		b.WriteString(v.items)
	}
	fmt.Fprintf(b, "%s Scores\n\n", level)
	if first != nil && strings.ReplaceAll(v.scores, d.Algorithm, first.definition.Algorithm) == first.scores {
		fmt.Fprintf(b, "As in version %s, under the algorithm `%s`.\n\n", first.definition.Version, d.Algorithm)
	} else {
		b.WriteString(v.scores)
	}
	fmt.Fprintf(b, "%s Example\n\n%s", level, v.example)
	fmt.Fprintf(b, "%s Licence, sources, notes\n\n%s\n\n**Sources**\n\n", level, strings.TrimSpace(d.Licence))
	bullets(b, d.Sources)
	if len(d.Notes) > 0 {
		b.WriteString("**Notes**\n\n")
		bullets(b, d.Notes)
	}
}

func items(b *strings.Builder, d *instruments.Definition) {
	b.WriteString("Topics in our own words, in the order asked; the questionnaire's wording is not shipped ([wording packs](wording.md)).\n\n")
	b.WriteString("| item | topic | codes | remarks |\n|---|---|---|---|\n")
	for _, it := range d.Items {
		var remarks []string
		if it.Optional {
			remarks = append(remarks, "may be absent")
		}
		if it.Hundredths {
			remarks = append(remarks, "fractions to two decimals")
		}
		if it.Words != nil {
			var words []string
			for i, w := range it.Words {
				words = append(words, fmt.Sprintf("%d `%s`", int(it.Min)+i, w))
			}
			remarks = append(remarks, "or by name: "+strings.Join(words, ", "))
		}
		fmt.Fprintf(b, "| `%s` | %s | %d to %d | %s |\n", it.Key, it.Label, it.Min, it.Max, orDash(strings.Join(remarks, "; ")))
	}
	b.WriteString("\nA code outside its range makes the response `invalid`: it is never shifted or clamped.")
	for _, l := range d.Limits {
		fmt.Fprintf(b, " So does a sum of %s above %d.", codes(l.Items), l.SumAtMost)
	}
	b.WriteString("\n\n")
	if d.Profile > 0 {
		fmt.Fprintf(b, "The first %d codes may be written as one string of digits, 9 for a missing answer.\n\n", d.Profile)
	}
	for i, m := range d.AdminModes {
		fmt.Fprintf(b, "* Put as `%s`%s: an item without an answer ", m.Name, mark(i == 0, " (the default)"))
		if m.BlankIs == nil {
			b.WriteString("is missing.\n")
			continue
		}
		fmt.Fprintf(b, "counts as code %d, unless it was not asked.\n", *m.BlankIs)
	}
	if d.AdminModes != nil {
		b.WriteString("\n")
	}
}

// scores writes the table of all scores of a version.
func scores(b *strings.Builder, d *instruments.Definition) {
	b.WriteString("| column | what it is | better is | algorithm | in a result |\n|---|---|---|---|---|\n")
	for _, s := range d.Scores {
		what := s.Label
		if s.SameAs != "" {
			what += fmt.Sprintf(", the score of [%s](%s.md)", s.SameAs, s.SameAs)
		}
		switch {
		case s.Nominal:
			what += ", a category"
		case s.ValueSet != "" && s == d.Primary():
			what += ", the default value set"
		case s.ValueSet != "":
			what += ", another value set"
		}
		better := direction(s.Direction)
		if s.Nominal {
			better = "–"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | `%s`%s | %s |\n", s.Column(), what, better, s.Algorithm, mark(s.Superseded, ", superseded"), keysInResult(d, s))
	}
	stem := d.Primary().Column()
	fmt.Fprintf(b, "\nIn `outcome` a column's name is followed by a timepoint of the programme: `%s_baseline`.", stem)
	if !d.Primary().Nominal {
		fmt.Fprintf(b, " Behind a follow-up's stand the parts of its change, each with its `_reason`: `%s_<timepoint>_improvement`, `_pct`, `_meets_abs`, "+
			"`_meets_pct`, `_responder`, `_deteriorated`, `_reliable_change`, `_recovered`.", stem)
	}
	b.WriteString("\n\n")
	if d.NoTotal {
		b.WriteString("There is no total: `score` is null (`no_single_score`).\n\n")
	}
	if d.StatusFrom != "" {
		b.WriteString("A response is `complete` where every score that applies to the person is there, `partial` where some are, `insufficient` where none is.\n\n")
	}
	if d.ResultFlags != nil {
		fmt.Fprintf(b, "Every result that is not invalid bears %s.\n\n", codes(d.ResultFlags))
	}
}

// keysInResult lists where a score stands in what lumbar score writes.
func keysInResult(d *instruments.Definition, s *instruments.Score) string {
	var keys []string
	if s == d.Primary() {
		if !d.NoTotal && !s.Nominal {
			keys = append(keys, "score")
		}
		if len(s.Bands) > 0 && !d.NoTotal {
			keys = append(keys, "band")
		}
	}
	if d.Profile > 0 && s.ValueSet != "" {
		keys = append(keys, "indices."+s.ValueSet)
	}
	if d.Profile > 0 && s.SameAs != "" {
		keys = append(keys, "vas")
	}
	if d.Profile > 0 && s.Rule == "profile_number" {
		keys = append(keys, "profile")
	}
	for _, k := range []string{s.Key, s.BandKey} {
		if k != "" {
			keys = append(keys, k)
		}
	}
	if s.PositiveFrom != nil {
		keys = append(keys, "positive")
	}
	if keys == nil || s.Superseded {
		return "–"
	}
	return codes(keys)
}

// Index returns docs/instruments/README.md.
func Index() string {
	b := new(strings.Builder)
	b.WriteString(`# Instruments

Each questionnaire is a definition: items by topic, codes, rules, thresholds. A page each, written from the definitions by
` + "`go generate ./instruments/page`" + `. No questionnaire wording is shipped, free or licensed: [wording packs](wording.md) say how an
installation brings its own.

| instrument | id | versions | items | main score | range | better is |
|---|---|---|---|---|---|---|
`)
	for _, id := range IDs() {
		var versions []string
		var current *instruments.Definition
		for _, d := range instruments.All() {
			if d.ID == id {
				versions = append(versions, d.Version)
				if d.Current {
					current = d
				}
			}
		}
		s := current.Primary()
		span, better := number(s.Min)+" to "+number(s.Max), direction(s.Direction)
		if s.Nominal {
			span, better = "a category", "–"
		}
		column := "`" + s.Column() + "`"
		if current.NoTotal {
			column, span, better = "several, no total", "–", "–"
		}
		fmt.Fprintf(b, "| [%s](%s.md) | `%s` | %s | %d | %s | %s | %s |\n",
			current.Title, id, id, strings.Join(versions, ", "), len(current.Items), column, span, better)
	}
	b.WriteString(`
**Reading a score.** ` + "`complete`" + `: every item that counts was answered. ` + "`prorated`" + `: some were missing and the instrument's rule filled in.
` + "`partial`" + `: some parts are there. ` + "`insufficient`" + `: too few answers, no score. ` + "`invalid`" + `: a code or a count is not the instrument's, no score.

**Reading a change.** ` + "`improvement`" + ` is positive when the person got better, whatever the scale's direction. What is not established is null, with
its reason.
`)
	return b.String()
}

func bullets(b *strings.Builder, lines []string) {
	for _, l := range lines {
		fmt.Fprintf(b, "* %s\n", strings.Join(strings.Fields(l), " "))
	}
	b.WriteString("\n")
}

func codes(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func direction(d instruments.Direction) string {
	if d == instruments.LowerBetter {
		return "lower"
	}
	return "higher"
}

func mark(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}
