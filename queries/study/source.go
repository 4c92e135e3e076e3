package study

import (
	"context"

	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// source is where the people of a study come from. A file and the store give
// the same answers: the one from rows, the other from moments.
type source interface {
	// attrition counts people step by step; the last step are those analysed.
	attrition(ctx context.Context) ([]step, error)
	// arms returns treated and control, in that order.
	arms(ctx context.Context) ([2]arm, error)
	// ancova regresses the outcome on treatment and the terms.
	ancova(ctx context.Context) (fitted, error)
	// balance compares the design's columns between the arms.
	balance(ctx context.Context) ([]difference, error)
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

// fitted is the treatment's coefficient with its uncertainty.
type fitted struct {
	estimate, stdErr float64
	df               float64
	n                int64
	rSquared         float64
}

// difference is the standardised difference of one column between the arms:
// treated − control over √((s₁² + s₀²)/2).
type difference struct {
	term string
	smd  float64
	ok   bool // false where the column does not vary
}
