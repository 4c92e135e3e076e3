package cohort

import (
	"fmt"
	"math"
	"strings"

	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// notes are the words that must stand beside a comparison (domain 4.9).
func (d *comparison) notes() []string {
	better := "above"
	if d.measure.sign() < 0 {
		better = "below"
	}
	notes := []string{
		fmt.Sprintf("estimate is treated − reference of the follow-up score in points of %s; an estimate %s 0 favours the treated.", d.measure.Name, better),
		"A difference is associated with the intervention; it is not its effect: people were not allocated at random, and severity decides who is offered what. Stratify by risk class or do not compare.",
		"People who get better anyway, and those who did not answer, are not told apart from the intervention; only complete records count.",
		fmt.Sprintf("Groups with fewer than %d people in an arm have no estimate; do not rank on fewer than %d.", d.minimum(), max(d.Programme.MinimumToRank, 100)),
		"p values are not adjusted for the number of comparisons.",
	}
	notes = append(notes, d.completeness()...)
	notes = append(notes, leftOut(d.measure, d.left, nil)...)
	var thin []string
	for _, t := range d.terms {
		if d.dropped[t.Name] {
			thin = append(thin, t.Name)
		}
	}
	if len(thin) > 0 {
		notes = append(notes, "The models of some groups may be without terms that few people differ in there, or that the other terms determine: "+strings.Join(thin, ", ")+".")
	}
	return append(append(notes, d.errorNotes()...), d.limits()...)
}

// errorNotes say what the intervals allow for.
func (d *comparison) errorNotes() []string {
	const without = "do not allow for people of one provider resembling each other"
	kinds := [2]string{"CR2, Satterthwaite", "HC3"}
	if estimator.Known(d.Method) {
		kinds = [2]string{"influence by provider", "influence of each person, which allows for the estimated scores"}
	}
	switch {
	case d.clustered && d.unclustered:
		return []string{fmt.Sprintf("Errors allow for people of one provider resembling each other (%s) in groups of %d providers and more; elsewhere they %s (%s).", kinds[0], clustersForRobust, without, kinds[1])}
	case d.clustered:
		return []string{"Errors allow for people of one provider resembling each other (" + kinds[0] + ")."}
	case d.unclustered:
		return []string{"Errors " + without + " (" + kinds[1] + ")."}
	case d.Method == MethodWelch:
		return []string{"Errors " + without + "."}
	}
	return nil // no group has an estimate
}

// limits say what the comparison shows to be wrong, and what it does not do.
func (d *comparison) limits() []string {
	var notes []string
	if d.apart {
		notes = append(notes, fmt.Sprintf("The arms differ before treatment: smd_max is %.1f or more in a group shown here.", targetDifference))
	}
	if d.unpooled {
		notes = append(notes, "Pooling the groups did not converge: the pooled row has no estimate.")
	}
	if d.unfitted {
		notes = append(notes, "A group with enough people and no estimate is one where the model can not be fitted: the scores do not vary, terms rest on too few people, or the covariates tell the arms apart, so that nobody might have had either treatment. Ask for fewer covariates or larger groups.")
	}
	notes = append(notes, d.cautions...)
	return append(notes, "Not done here: weights for non-response, and a comparison of completers with those who did not answer; a study protocol does the first.")
}

// completeness says which share of the people compared has a complete record,
// from counts as they are released.
func (d *comparison) completeness() []string {
	var asked, complete int64
	for _, g := range d.arms {
		asked, complete = asked+g.Eligible, complete+g.Moments.N
	}
	of, ok := disclosure.Count(asked)
	n, ok2 := disclosure.Count(complete)
	if !ok || !ok2 || of == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%.0f %% of the people in these interventions have a complete record; the rest may differ from them.", math.Min(100, 100*float64(n)/float64(of)))}
}
