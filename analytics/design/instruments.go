package design

import "strings"

// Instrumented is a parsed formula of instrumental variables, "y ~ x1 + x2 | z + x2":
// the model of the response left of the bar, right of it everything that is taken
// as unrelated to the errors: the instruments and the exogenous terms again.
type Instrumented struct {
	Model, Instruments Formula
}

// ParseInstrumented reads such a formula. No bar or several, no response, or what
// Parse does not understand: ErrInvalidParameter.
func ParseInstrumented(text string) (Instrumented, error) {
	left, right, err := splitAtBar(text)
	if err != nil {
		return Instrumented{}, err
	}
	var f Instrumented
	if f.Model, err = Parse(left); err != nil {
		return f, err
	}
	if !f.Model.HasResponse() {
		return f, syntax("a formula with instruments needs a response left of the ~")
	}
	f.Instruments, err = Parse("~ " + right)
	return f, err
}

// splitAtBar finds the one bar that stands outside backquotes.
func splitAtBar(text string) (left, right string, err error) {
	at, quoted := -1, false
	for i, r := range text {
		switch {
		case r == '`':
			quoted = !quoted
		case r == '|' && !quoted && at >= 0:
			return "", "", syntax("two bars; write the instruments once, as y ~ x | z")
		case r == '|' && !quoted:
			at = i
		}
	}
	if at < 0 {
		return "", "", syntax("no instruments; write them behind a bar, as y ~ x | z")
	}
	if left, right = text[:at], text[at+1:]; strings.TrimSpace(right) == "" {
		return "", "", syntax("nothing behind the bar")
	}
	return left, right, nil
}

// Build returns the designs of the model and of the instruments over the same rows,
// those with a value in every variable of both. Errors as Formula.Build.
func (f Instrumented) Build(t *Table) (model, instruments *Matrix, err error) {
	rows, err := t.complete(append(f.Model.Columns(), f.Instruments.Columns()...))
	if err != nil {
		return nil, nil, err
	}
	used := t.Select(rows)
	if model, err = f.Model.Build(used); err != nil {
		return nil, nil, err
	}
	if instruments, err = f.Instruments.Build(used); err != nil {
		return nil, nil, err
	}
	model.Rows, instruments.Rows = rows, rows
	return model, instruments, nil
}
