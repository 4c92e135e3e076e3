package study

import (
	"fmt"
	"strconv"
	"strings"
	"text/scanner"

	"github.com/lumbar-health/lumbar/store/read"
)

// ParseCondition reads the condition language of protocols and cohorts:
// comparisons (= == != < <= > >=, in), and, or, not, brackets.
//
//	age >= 18 and odi_baseline >= 20 and not (region in ("Y61", "Y63"))
//
// A word is a column, a number or a quoted text a value. The value stands to
// the right of the column.
func ParseCondition(text string) (read.Predicate, error) {
	p := &conditionParser{}
	p.scan.Init(strings.NewReader(text))
	p.scan.Mode = scanner.ScanIdents | scanner.ScanFloats | scanner.ScanInts | scanner.ScanStrings
	p.scan.Error = func(_ *scanner.Scanner, msg string) { p.fail(msg) }
	p.next()
	c := p.either()
	if p.err == nil && p.tok != scanner.EOF {
		p.fail(fmt.Sprintf("unexpected %q", p.text))
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

type conditionParser struct {
	scan  scanner.Scanner
	tok   rune
	text  string
	depth int
	err   error
}

// maxDepth bounds brackets and negations, so that no text can exhaust the stack.
const maxDepth = 100

func (p *conditionParser) fail(msg string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s at character %d", msg, p.scan.Position.Offset+1)
		p.tok = scanner.EOF
	}
}

func (p *conditionParser) next() {
	if p.err != nil {
		return
	}
	tok := p.scan.Scan()
	if p.err != nil {
		return
	}
	p.tok, p.text = tok, p.scan.TokenText()
}

func (p *conditionParser) word(w string) bool {
	if p.tok == scanner.Ident && strings.EqualFold(p.text, w) {
		p.next()
		return true
	}
	return false
}

func (p *conditionParser) either() read.Predicate {
	any := read.Or{p.both()}
	for p.err == nil && p.word("or") {
		any = append(any, p.both())
	}
	if len(any) == 1 {
		return any[0]
	}
	return any
}

func (p *conditionParser) both() read.Predicate {
	all := read.And{p.one()}
	for p.err == nil && p.word("and") {
		all = append(all, p.one())
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (p *conditionParser) one() read.Predicate {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		p.fail("too many nested brackets")
		return nil
	}
	switch {
	case p.word("not"):
		return read.Not{Of: p.one()}
	case p.tok == '(':
		p.next()
		c := p.either()
		p.expect(')')
		return c
	case p.tok == scanner.Ident:
		return p.comparison()
	}
	p.fail("a comparison such as age >= 18 is missing")
	return nil
}

func (p *conditionParser) expect(r rune) {
	if p.tok != r {
		p.fail(fmt.Sprintf("%q is missing", r))
		return
	}
	p.next()
}

func (p *conditionParser) comparison() read.Predicate {
	column := p.text
	p.next()
	if p.word("in") {
		return read.Compare{Column: column, Op: read.In, Values: p.list()}
	}
	op := p.operator()
	return read.Compare{Column: column, Op: op, Values: []read.Value{p.value()}}
}

func (p *conditionParser) operator() read.Op {
	first := p.tok
	p.next()
	if p.err == nil && p.tok == '=' && strings.ContainsRune("<>!=", first) {
		p.next()
		return map[rune]read.Op{'<': read.Le, '>': read.Ge, '!': read.Ne, '=': read.Eq}[first]
	}
	if op, ok := map[rune]read.Op{'<': read.Lt, '>': read.Gt, '=': read.Eq}[first]; ok {
		return op
	}
	p.fail("one of = != < <= > >= in is missing")
	return ""
}

func (p *conditionParser) list() []read.Value {
	p.expect('(')
	values := []read.Value{p.value()}
	for p.err == nil && p.tok == ',' {
		p.next()
		values = append(values, p.value())
	}
	p.expect(')')
	return values
}

func (p *conditionParser) value() read.Value {
	sign := 1.0
	if p.tok == '-' {
		sign = -1
		p.next()
	}
	switch p.tok {
	case scanner.Int, scanner.Float:
		v, err := strconv.ParseFloat(p.text, 64)
		if err != nil {
			p.fail("not a number")
		}
		p.next()
		return read.Value{Number: sign * v}
	case scanner.String:
		text, err := strconv.Unquote(p.text)
		if err != nil {
			p.fail("a text that is not well quoted")
		}
		p.next()
		return read.Value{Text: text, IsText: true}
	case '\'':
		return p.quoted()
	}
	p.fail("a number or a text in quotes is missing")
	return read.Value{}
}

// quoted reads a text in single quotes, which has no escapes.
func (p *conditionParser) quoted() read.Value {
	var text strings.Builder
	for r := p.scan.Next(); r != '\''; r = p.scan.Next() {
		if r == scanner.EOF {
			p.fail("a closing ' is missing")
			return read.Value{}
		}
		text.WriteRune(r)
	}
	p.next()
	return read.Value{Text: text.String(), IsText: true}
}
