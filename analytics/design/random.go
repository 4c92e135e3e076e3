package design

import "strings"

// Mixed is a formula with random terms, such as y ~ arm + week + (1 + week | id);
// Fixed is what is left without them.
type Mixed struct {
	Fixed  Formula
	Random []Random
}

// Random is one term (Terms | Group): columns whose coefficients differ between
// the levels of Group.
type Random struct {
	Terms Formula // one-sided
	Group string
}

// RandomMatrix is the design of a random term over the rows used, with the
// level of its group in each row.
type RandomMatrix struct {
	*Matrix
	Group Column
}

// ParseMixed reads an R formula as Parse does, with random terms in brackets.
// Groups are columns: a nested or crossed one, and ||, are ErrInvalidParameter,
// as is all that Parse refuses.
func ParseMixed(text string) (Mixed, error) {
	var m Mixed
	for {
		from, bar, to, err := randomTerm(text)
		if err != nil {
			return Mixed{}, err
		}
		if bar < 0 {
			break
		}
		r, err := parseRandom(text[from+1:bar], text[bar+1:to])
		if err != nil {
			return Mixed{}, err
		}
		m.Random = append(m.Random, r)
		if text, err = without(text[:from], text[to+1:]); err != nil {
			return Mixed{}, err
		}
	}
	var err error
	m.Fixed, err = Parse(text)
	return m, err
}

// randomTerm finds the first ( … | … ): its brackets and its bar, bar −1 where
// there is none.
func randomTerm(text string) (from, bar, to int, err error) {
	var open []int
	bar = -1
	quoted := false
	for i, c := range text {
		switch {
		case c == '`':
			quoted = !quoted
		case quoted:
		case c == '(':
			open = append(open, i)
		case c == '|':
			if len(open) == 0 {
				return 0, -1, 0, syntax("a random term stands in brackets: (1 | group)")
			}
			if bar >= 0 {
				return 0, -1, 0, syntax("one | in a random term; || is not supported")
			}
			bar, from = i, open[len(open)-1]
		case c == ')':
			if len(open) == 0 {
				return 0, -1, 0, syntax("a bracket is closed that was not opened")
			}
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if bar >= 0 && last == from {
				return from, bar, i, nil
			}
		}
	}
	if bar >= 0 {
		return 0, -1, 0, syntax("a random term is not closed")
	}
	return 0, -1, 0, nil
}

func parseRandom(terms, group string) (Random, error) {
	f, err := Parse("~" + terms)
	if err != nil {
		return Random{}, err
	}
	g, err := parseExpression(group)
	if err != nil {
		return Random{}, err
	}
	if g.op != "name" {
		return Random{}, syntax("the group of a random term is one column; make one of the others first")
	}
	return Random{Terms: f, Group: g.text}, nil
}

// without joins what stands before and after a random term, and the + that bound it.
func without(before, after string) (string, error) {
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	if rest, ok := strings.CutSuffix(before, "+"); ok {
		return rest + " " + after, nil
	}
	if !strings.HasSuffix(before, "~") {
		return "", syntax("a random term is added with +")
	}
	if rest, ok := strings.CutPrefix(after, "+"); ok {
		return before + rest, nil
	}
	if after != "" {
		return "", syntax("a random term is added with +")
	}
	return before + " 1", nil
}

// Build returns the designs of the fixed and the random terms over the rows that
// have a value in every variable of the formula, groups included.
func (m Mixed) Build(t *Table) (*Matrix, []RandomMatrix, error) {
	names := m.Fixed.Columns()
	for _, r := range m.Random {
		names = append(append(names, r.Terms.Columns()...), r.Group)
	}
	keep, err := t.complete(names)
	if err != nil {
		return nil, nil, err
	}
	used := t.Select(keep)
	fixed, err := m.Fixed.Build(used)
	if err != nil {
		return nil, nil, err
	}
	fixed.Rows = keep
	var random []RandomMatrix
	for _, r := range m.Random {
		z, err := r.Terms.Build(used)
		if err != nil {
			return nil, nil, err
		}
		z.Rows = keep
		c, _ := used.Column(r.Group)
		random = append(random, RandomMatrix{z, AsFactor(c)})
	}
	return fixed, random, nil
}
