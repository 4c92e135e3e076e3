package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
)

// description is how a rule scores: in words, as a formula, and its constants
// as a table. The last two may be empty.
type description struct{ words, formula, table string }

// rule describes a named scoring rule. ownMissing says that its words tell what
// missing answers do.
type rule struct {
	describe   func(d *instruments.Definition, s *instruments.Score) (description, error)
	ownMissing bool
}

// rules are the words for the rules of instruments. A test fails on a rule that
// a definition uses and that does not stand here.
var rules = map[string]rule{
	"sum":                {describe: sum},
	"sum_of_points":      {describe: sumOfPoints},
	"percent_of_maximum": {describe: percentOfMaximum},
	"mean_times_items":   {describe: meanTimesItems},
	"linear_index":       {describe: linearIndex},
	"lookup_table":       {describe: lookupTable},
	"profile_number":     {describe: plain("The codes of its items, written as the digits of one number. It names a state of health.", "")},
	"startback_risk":     {describe: startBackRisk, ownMissing: true},
	"wpai":               {describe: wpai, ownMissing: true},
	"cauda_equina":       {describe: caudaEquina, ownMissing: true},
	"mapped":             {describe: mapped},
}

func plain(words, formula string) func(*instruments.Definition, *instruments.Score) (description, error) {
	return func(*instruments.Definition, *instruments.Score) (description, error) {
		return description{words: words, formula: formula}, nil
	}
}

func sum(_ *instruments.Definition, s *instruments.Score) (description, error) {
	switch {
	case s.Nominal:
		return description{words: "The code of its item is the category."}, nil
	case len(s.ItemKeys) == 1:
		return description{words: "The code of its item.", formula: "score = code"}, nil
	}
	return description{words: "The codes of its items, added.", formula: "score = Σ code"}, nil
}

// read decodes the constants of a score's rule into the rule's own type.
func read(s *instruments.Score, into any) error {
	text, err := json.Marshal(s.Parameters)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func item(d *instruments.Definition, key string) instruments.Item {
	at, _ := d.ItemIndex(key)
	return d.Items[at]
}

func sumOfPoints(d *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.Points
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	return description{
		words:   "Each answer is worth points, and the points are added. " + whatCounts(s, p.Points),
		formula: "score = Σ points(code)",
		table:   pointsTable(d, s, p.Points),
	}, nil
}

func whatCounts(s *instruments.Score, points map[string][]int32) string {
	if len(points) < len(s.ItemKeys) {
		return "An item that does not stand in the table counts its code."
	}
	return ""
}

// pointsTable lists the points of the items that do not count their code; items
// with the same points stand together.
func pointsTable(d *instruments.Definition, s *instruments.Score, points map[string][]int32) string {
	b := new(strings.Builder)
	b.WriteString("| items | points of the codes, from the lowest |\n|---|---|\n")
	for i := 0; i < len(s.ItemKeys); {
		key := s.ItemKeys[i]
		keys := []string{}
		for ; i < len(s.ItemKeys) && slices.Equal(points[s.ItemKeys[i]], points[key]); i++ {
			keys = append(keys, s.ItemKeys[i])
		}
		if points[key] == nil {
			continue
		}
		it := item(d, key)
		var each []string
		for j, n := range points[key] {
			each = append(each, fmt.Sprintf("%d → %d", int(it.Min)+j, n))
		}
		fmt.Fprintf(b, "| %s | %s |\n", codes(keys), strings.Join(each, ", "))
	}
	return b.String()
}

func percentOfMaximum(d *instruments.Definition, s *instruments.Score) (description, error) {
	highest := item(d, s.ItemKeys[0]).Max
	return description{
		words:   "The sum of the answered codes, in per cent of the most that the answered items could give.",
		formula: fmt.Sprintf("score = 100 · Σ code / (%d · number answered)", highest),
	}, nil
}

func meanTimesItems(_ *instruments.Definition, s *instruments.Score) (description, error) {
	n := len(s.ItemKeys)
	out := description{
		words:   fmt.Sprintf("The mean of the answered codes, times %d. With every item answered that is their sum. It is not rounded.", n),
		formula: fmt.Sprintf("score = %d · Σ code / number answered", n),
	}
	if s.Parameters.IsZero() {
		return out, nil
	}
	var p instruments.Rounding
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	out.words = fmt.Sprintf("The mean of the answered codes, times %d, rounded to a whole number, half up. With every item answered that is their sum.", n)
	out.formula = fmt.Sprintf("score = round(%d · Σ code / number answered)", n)
	return out, nil
}

func linearIndex(d *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.LinearIndex
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	value := func(units int32) string { return number(float64(units) / float64(s.Unit)) }
	out := description{words: "A published value set: from full health, each item takes off what its level costs.", formula: "index = " + value(p.FullHealth)}
	if p.AnyAboveBest != 0 {
		out.formula += fmt.Sprintf(" − %s (once, where any item is above its lowest code)", value(p.AnyAboveBest))
	}
	if p.AnyAtWorst != 0 {
		out.formula += fmt.Sprintf("\n        − %s (once, where any item is at its highest code)", value(p.AnyAtWorst))
	}
	out.formula += " − Σ decrement(item, code)"
	if p.AnyAtWorst != 0 {
		out.formula = strings.Replace(out.formula, " − Σ", "\n        − Σ", 1)
	}
	b := new(strings.Builder)
	first := item(d, s.ItemKeys[0])
	b.WriteString("| decrement |")
	for code := first.Min; code <= first.Max; code++ {
		fmt.Fprintf(b, " code %d |", code)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(p.Decrements[0])) + "\n")
	for i, row := range p.Decrements {
		fmt.Fprintf(b, "| %s |", item(d, s.ItemKeys[i]).Label)
		for _, units := range row {
			fmt.Fprintf(b, " %s |", value(units))
		}
		b.WriteString("\n")
	}
	out.table = b.String()
	return out, nil
}

// mostShown is the largest look-up table that a page shows whole.
const mostShown = 64

func lookupTable(d *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.LookupTable
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	value := func(units int32) string { return number(float64(units) / float64(s.Unit)) }
	by, lowest := "the sum of the codes", 0
	for _, key := range s.ItemKeys {
		lowest += int(item(d, key).Min)
	}
	switch {
	case len(s.ItemKeys) == 1:
		by = "the code"
	case p.By == "profile":
		by = "the codes in order (the profile)"
	}
	out := description{words: fmt.Sprintf("A fixed table, read by %s: %d values from %s to %s.",
		by, len(p.Values), value(slices.Min(p.Values)), value(slices.Max(p.Values)))}
	if p.By == "profile" && len(s.ItemKeys) > 1 || len(p.Values) > mostShown {
		out.words += fmt.Sprintf(" The whole of it is in `GET /v1/instruments/%s`.", d.ID)
		return out, nil
	}
	name := map[bool]string{true: "code", false: "sum"}[len(s.ItemKeys) == 1]
	const across = 8
	b := new(strings.Builder)
	b.WriteString("| " + name + " → score |" + strings.Repeat(" |", across-1) + "\n" + strings.Repeat("|---", across) + "|\n")
	for i, units := range p.Values {
		fmt.Fprintf(b, "| %d → %s ", lowest+i, value(units))
		if i%across == across-1 || i == len(p.Values)-1 {
			b.WriteString("|\n")
		}
	}
	out.table = b.String()
	return out, nil
}

func startBackRisk(d *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.StartBackRisk
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	return description{
		words: fmt.Sprintf("Each answer is worth 0 or 1 point. %s The total counts all items, distress %s. ", whatCounts(s, p.Points), codes(p.Distress)) +
			"Where answers are missing, it is the class that they would give however they were answered; where that is not one class it is `indeterminate`, and the response is `partial`.",
		formula: fmt.Sprintf("low      total ≤ %d\nhigh     otherwise, distress ≥ %d\nmedium   otherwise", p.LowUpTo, p.HighDistressFrom),
		table:   pointsTable(d, s, p.Points),
	}, nil
}

func wpai(_ *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.WPAIPart
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	words := map[string][2]string{
		"absenteeism": {"The share of working time missed because of the problem. It is null for who is not employed, or neither worked nor missed an hour.",
			"absenteeism = m / (m + w)      m hours missed for the problem, w hours worked"},
		"presenteeism": {"How much the problem limited work while working. It is null for who is not employed or did not work.",
			"presenteeism = e / 10          e effect on work, 0 to 10"},
		"overall": {"Absenteeism, and presenteeism in the time worked. It is 1 for who only missed hours, and null where absenteeism is.",
			"overall = m/(m+w) + (1 − m/(m+w)) · e/10"},
		"activity": {"How much the problem limited other activities, whether employed or not.",
			"activity = a / 10              a effect on other activities, 0 to 10"},
	}[p.Part]
	if words[0] == "" {
		return description{}, fmt.Errorf("part %q has no words: add them to instruments/page/rules.go", p.Part)
	}
	return description{words: words[0] + " A fraction of 1. An answer that it needs and that is missing leaves it null.", formula: words[1]}, nil
}

func caudaEquina(*instruments.Definition, *instruments.Score) (description, error) {
	return description{
		words: "The level of the most urgent symptom. Onset is counted in days to the day of answering; the latest of the symptoms present counts, and one that is missing or in the future counts as today. " +
			"A symptom that was shown and left without an answer needs a review where no other is present; one that was not asked does not.",
		formula: `P0    legs weakening rapidly, or any other symptom getting worse,
      or a symptom that began at most 14 days ago or at an unknown time
P1    a symptom that began 15 to 90 days ago
P2    a symptom that began longer ago, or one left without an answer
none  otherwise`,
	}, nil
}

func mapped(_ *instruments.Definition, s *instruments.Score) (description, error) {
	var p instruments.Mapped
	if err := read(s, &p); err != nil {
		return description{}, err
	}
	return description{words: fmt.Sprintf("Read from a published table by the profile (`%s`), the age band at answering and the sex. "+
		"The table (release %s) is not shipped: an installation puts `%s.csv` or `%s.csv.gz` into the folder `instruments.dsu_dir`. Without it the score does not exist (`dsu_not_loaded`); without age or sex it is null (`needs_age_sex`). It is derived where it is asked for and never stored.",
		p.Profile, p.Release, p.File, p.File)}, nil
}
