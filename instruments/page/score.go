package page

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
)

// score writes the section of one score.
func score(b *strings.Builder, d *instruments.Definition, s *instruments.Score, heading string) error {
	title := "`" + s.Column() + "`: " + s.Label
	if s.Superseded {
		title += fmt.Sprintf(", under `%s` (superseded)", s.Algorithm)
	}
	fmt.Fprintf(b, "%s %s\n\n", heading, title)
	if s.Superseded {
		b.WriteString("Kept so that data scored under it stays whole; `lumbar rescore` moves a programme on.\n\n")
	}
	if err := howScored(b, d, s); err != nil {
		return err
	}
	fmt.Fprintf(b, "**Made of.** %s.\n\n", madeOf(d, s))
	if s.Nominal {
		categories(b, s)
	} else {
		fmt.Fprintf(b, "**Range.** %s to %s; %s is better. %s\n\n", number(s.Min), number(s.Max), direction(s.Direction), unit(s))
		bands(b, s)
		if s.PositiveFrom != nil {
			fmt.Fprintf(b, "**Screen.** Positive from %s on.\n\n", number(*s.PositiveFrom))
		}
		change(b, s)
	}
	if len(s.Sources) > 0 {
		fmt.Fprintf(b, "**Sources of this score.** %s.\n\n", strings.Join(s.Sources, "; "))
	}
	return nil
}

func howScored(b *strings.Builder, d *instruments.Definition, s *instruments.Score) error {
	r, ok := rules[s.Rule]
	if !ok {
		return fmt.Errorf("score %s: rule %q has no words: add them to instruments/page/rules.go", s.Column(), s.Rule)
	}
	text, err := r.describe(d, s)
	if err != nil {
		return fmt.Errorf("score %s: %w", s.Column(), err)
	}
	fmt.Fprintf(b, "**How it is scored** (rule `%s`). %s\n\n", s.Rule, strings.TrimSpace(text.words))
	if text.formula != "" {
		fmt.Fprintf(b, "```\n%s\n```\n\n", text.formula)
	}
	if text.table != "" {
		b.WriteString(text.table + "\n")
	}
	if !r.ownMissing {
		fmt.Fprintf(b, "**Missing answers.** %s\n\n", missing(s))
	}
	return nil
}

func missing(s *instruments.Score) string {
	n, k := len(s.ItemKeys), s.Missing.AtMost
	short, filled := "insufficient", "prorated"
	if s.Missing.Then != "" {
		short, filled = s.Missing.Then, s.Missing.Then
	}
	switch {
	case n == 1:
		return "Without the answer there is no score: `insufficient`."
	case k == 0 && short != "insufficient":
		return fmt.Sprintf("All %d items must be answered. With some there is no score and the response is `%s`; with none, `insufficient`.", n, short)
	case k == 0:
		return fmt.Sprintf("All %d items must be answered; otherwise there is no score: `insufficient`.", n)
	}
	return fmt.Sprintf("Up to %d of %d may be missing; the rule then goes by those answered, and the score is `%s`. With fewer answers there is none: `insufficient`.", k, n, filled)
}

func madeOf(d *instruments.Definition, s *instruments.Score) string {
	topics := make([]string, 0, len(s.ItemKeys))
	for _, key := range s.ItemKeys {
		at, _ := d.ItemIndex(key)
		topics = append(topics, d.Items[at].Label)
	}
	if len(topics) == len(d.Items)-d.Optional && len(topics) > 1 {
		if d.Optional == 0 {
			return fmt.Sprintf("All %d items", len(topics))
		}
		return fmt.Sprintf("The %d items that are not optional", len(topics))
	}
	return fmt.Sprintf("%s (%s)", codes(s.ItemKeys), strings.Join(topics, ", "))
}

func unit(s *instruments.Score) string {
	switch s.Unit {
	case 0:
		return "It is kept as a floating-point number."
	case 1:
		return "It is a whole number."
	}
	return fmt.Sprintf("It is kept without loss as a whole number of 1/%d points, and rounded for display only.", s.Unit)
}

// categories writes the numbers that a nominal score's units are.
func categories(b *strings.Builder, s *instruments.Score) {
	b.WriteString("**A category**: its numbers are names, to be counted and grouped by. No mean of them has a meaning, and no change.\n\n")
	if len(s.Bands) == 0 {
		return
	}
	b.WriteString("| number | name |\n|---|---|\n")
	low := s.Min
	for _, band := range s.Bands {
		high := s.Max
		if band.UpTo != nil {
			high = *band.UpTo
		}
		span := number(high)
		if high > low {
			span = number(low) + " to " + number(high)
		}
		fmt.Fprintf(b, "| %s | `%s` |\n", span, band.Name)
		low = high + 1
	}
	b.WriteString("\n")
}

func bands(b *strings.Builder, s *instruments.Score) {
	if len(s.Bands) == 0 {
		return
	}
	b.WriteString("| band | scores |\n|---|---|\n")
	for i, band := range s.Bands {
		span := ""
		switch {
		case i == 0 && *band.UpTo == s.Min:
			span = number(s.Min)
		case i == 0:
			span = number(s.Min) + " to " + number(*band.UpTo)
		case band.UpTo != nil:
			span = "above " + number(*s.Bands[i-1].UpTo) + ", to " + number(*band.UpTo)
		default:
			span = "above " + number(*s.Bands[i-1].UpTo)
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", band.Name, span)
	}
	b.WriteString("\n")
}

// change writes what a change of a score means.
func change(b *strings.Builder, s *instruments.Score) {
	b.WriteString("**Change.** ")
	if !hasThreshold(s) {
		fmt.Fprintf(b, "Improvement and its per cent of baseline only. No threshold is established, so the others are null (`%s`, `%s`).\n\n",
			s.ResponderReason, instruments.ReasonMDCNotEstablished)
		return
	}
	b.WriteString("In points of the score.\n\n| threshold | key of a change | |\n|---|---|---|\n")
	row := func(name, key, text string) { fmt.Fprintf(b, "| %s | `%s` | %s |\n", name, key, text) }
	row("minimal important change", "meets_abs", points(s.MIC, "better by at least ", instruments.ReasonMICNotEstablished))
	row("30 % of baseline", "meets_pct", fmt.Sprintf("better by at least %d %% of the baseline; null (`%s`) where that is 0", instruments.PercentThreshold, instruments.ReasonBaselineZero))
	row("deterioration", "deteriorated", points(s.DetAbs, "worse by at least ", instruments.ReasonMICNotEstablished))
	row("minimal detectable change", "reliable_change", points(s.MDC, "either way by at least ", instruments.ReasonMDCNotEstablished))
	row("responder", "responder", responder(s))
	row("recovered", "recovered", recovered(s))
	b.WriteString("\n")
}

func hasThreshold(s *instruments.Score) bool {
	return s.MIC != nil || s.DetAbs != nil || s.MDC != nil || s.Responder != "" || s.RecoveredAtMost != nil || s.CaseFrom != nil
}

func points(x *float64, before, reason string) string {
	if x == nil {
		return "null (`" + reason + "`)"
	}
	return before + number(*x)
}

func responder(s *instruments.Score) string {
	text := ""
	switch s.Responder {
	case instruments.RespondByPercent:
		text = "who meets 30 % of baseline"
	case instruments.RespondByAbsolute:
		text = "who meets the minimal important change"
	case instruments.RespondByReliableChange:
		text = "who got better by at least the minimal detectable change"
	default:
		return "null (`" + s.ResponderReason + "`)"
	}
	if s.Floor != nil {
		text += fmt.Sprintf("; null (`%s`) where the baseline is below %s", instruments.ReasonBaselineBelowFloor, number(*s.Floor))
	}
	return text
}

func recovered(s *instruments.Score) string {
	switch {
	case s.RecoveredAtMost != nil:
		return "a follow-up of at most " + number(*s.RecoveredAtMost)
	case s.CaseFrom != nil:
		return fmt.Sprintf("a baseline of %s or more and a follow-up below it", number(*s.CaseFrom))
	}
	return "null: not defined"
}

// safety writes the rules that hold whether or not there is a score.
func safety(b *strings.Builder, d *instruments.Definition) error {
	b.WriteString("Evaluated answer by answer, also on responses that are refused. Answers that can not be read at all raise `" +
		instruments.FlagSafetyUnreadable + "`.\n\n")
	for _, r := range d.Safety {
		switch r.Rule {
		case "item_code":
			at, _ := d.ItemIndex(r.Item)
			fmt.Fprintf(b, "* `%s_positive`: code %d or more on `%s` (%s). `%s_missing`: not answered or out of range, where anything else was answered; never taken as negative. A result has the state in `%s`.\n",
				r.Key, r.From, r.Item, d.Items[at].Label, r.Key, r.Key)
		case "cauda_equina":
			fmt.Fprintf(b, "* `%sp0`, `%sp1`, `%sp2`: the level of the cauda equina rule, where it is not none. This is no medical device: what a service does about a flag is the service's to decide.\n",
				instruments.FlagCES, instruments.FlagCES, instruments.FlagCES)
		default:
			return fmt.Errorf("safety rule %q has no words: add them to instruments/page/score.go", r.Rule)
		}
	}
	b.WriteString("\n")
	return nil
}
