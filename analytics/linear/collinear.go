package linear

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
)

// Collinear is the ErrCollinear of a fit from moments: the column at Place can
// not be told from those before it.
type Collinear struct {
	Place int // in the matrix of moments
	Name  string
	why   string
}

// Error names the column.
func (c *Collinear) Error() string {
	return fmt.Sprintf("linear: column %s %s: %v", c.Name, c.why, analytics.ErrCollinear)
}

// Unwrap returns analytics.ErrCollinear.
func (c *Collinear) Unwrap() error { return analytics.ErrCollinear }

// WithoutCollinear calls fit with the columns x, and again without each column
// that fit finds collinear, until it succeeds or fails otherwise. The first
// `keep` columns are never dropped: that one of them is collinear is an error.
// It returns what fit did, the columns that stayed and those that did not.
func WithoutCollinear[T any](x []int, keep int, fit func(x []int) (T, error)) (result T, kept, dropped []int, err error) {
	kept = slices.Clone(x)
	for {
		result, err = fit(kept)
		var c *Collinear
		if !errors.As(err, &c) {
			return result, kept, dropped, err
		}
		at := slices.Index(kept, c.Place)
		if at < keep {
			return result, kept, dropped, err
		}
		kept, dropped = slices.Delete(kept, at, at+1), append(dropped, c.Place)
	}
}

// NewCollinear is the ErrCollinear of another family's fit: the column at place
// of that name, and why, such as "is a combination of those before it".
func NewCollinear(place int, name, why string) *Collinear {
	return &Collinear{Place: place, Name: name, why: why}
}
