package study

import (
	"context"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// sample are the people that an analysis is made of: those of both arms with
// outcome and covariates.
type sample interface {
	// arms returns treated and control, in that order.
	arms(ctx context.Context) ([2]arm, error)
	// ancova regresses the outcome on treatment and the terms.
	ancova(ctx context.Context) (fitted, error)
	// patterns groups the people by arm and covariates.
	patterns(ctx context.Context) (estimator.Patterns, error)
	// balance compares the design's columns between the arms.
	balance(ctx context.Context) ([]difference, error)
}

// source is where the people of a study come from. A file and the store give
// the same answers: the one from rows, the other from moments and patterns.
type source interface {
	sample
	// attrition counts people step by step; the last step are those analysed.
	attrition(ctx context.Context) ([]step, error)
	// everybody is the people of both arms one by one, with the treatment and
	// whatever else the protocol names, missing or not.
	everybody(ctx context.Context) (*design.Table, error)
	// exact says whether every sum was one of whole numbers.
	exact() bool
}

// step is one step of the attrition.
type step struct {
	name string
	n    int64
}

// arm is one arm of those analysed; outcome and baseline on their own scale.
type arm struct {
	name     string
	outcome  twosample.Group
	baseline *twosample.Group // nil where the protocol names none
}

// fitted is an estimate of the effect with its uncertainty.
type fitted struct {
	estimate, stdErr float64
	df               float64 // 0: the law is normal
	fixedDF          bool    // df do not come from n
	n                int64
	ess              float64            // effective number of people; 0: n
	estimand         estimator.Estimand // empty: as the protocol asks
	rSquared         float64            // of ancova
	weighted         *weighting         // of a method that weights people
	left, few        []string           // columns left out of the models, and those that few of an arm differ in
	warnings         []string
}

// weighting is what a method's weights did.
type weighting struct {
	smd     map[string]float64 // after weighting, by column of the design
	overlap *estimator.Propensity
}

// difference is the standardised difference of one column between the arms:
// treated − control over √((s₁² + s₀²)/2).
type difference struct {
	term string
	disclosure.Imbalance
	ok bool // false where the column does not vary
}
