package design

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/lumbar-health/lumbar/analytics"
)

// node is one piece of a parsed expression: a number, a name, or an operator or
// function applied to others.
type node struct {
	op   string // "number", "name", "call", "(", or an operator
	text string // of a name or a function
	num  float64
	args []*node
}

// parser reads tokens by precedence climbing; the order of R's operators is
// ^ over unary minus over : over * / over + - over comparisons over ~.
type parser struct {
	tokens []string
	at     int
	depth  int
}

// maxDepth bounds nesting, so that hostile input cannot exhaust the stack.
const maxDepth = 100

var precedence = map[string]int{
	"~": 1, "<": 2, ">": 2, "<=": 2, ">=": 2, "==": 2, "!=": 2,
	"+": 3, "-": 3, "*": 4, "/": 4, ":": 5, "^": 7,
}

const unaryPrecedence = 6

// parseExpression reads the whole text.
func parseExpression(text string) (*node, error) {
	if len(text) > 10000 {
		return nil, syntax("%d characters, at most 10000", len(text))
	}
	tokens, err := tokenise(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, syntax("unexpected %q", p.tokens[p.at])
	}
	return n, nil
}

func (p *parser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

// expression reads operators that bind at least as tightly as least.
func (p *parser) expression(least int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, syntax("nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for {
		op := p.peek()
		prec, ok := precedence[op]
		if !ok || prec < least {
			return left, nil
		}
		p.at++
		next := prec + 1
		if op == "^" { // right-associative
			next = prec
		}
		right, err := p.expression(next)
		if err != nil {
			return nil, err
		}
		left = &node{op: op, args: []*node{left, right}}
	}
}

// operand reads a number, a name, a call, a bracket or a sign.
func (p *parser) operand() (*node, error) {
	t := p.peek()
	p.at++
	switch {
	case t == "":
		return nil, syntax("ends too early")
	case t == "-" || t == "+" || t == "~":
		least := unaryPrecedence
		if t == "~" {
			least = precedence["~"] + 1
		}
		arg, err := p.expression(least)
		return &node{op: t, args: []*node{arg}}, err
	case t == "(":
		inner, err := p.expression(precedence["<"])
		if err != nil {
			return nil, err
		}
		return &node{op: "(", args: []*node{inner}}, p.expect(")")
	case t[0] >= '0' && t[0] <= '9' || t[0] == '.' && len(t) > 1 && t[1] >= '0' && t[1] <= '9':
		v, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return nil, syntax("%q is not a number", t)
		}
		return &node{op: "number", num: v, text: t}, nil
	case isNameStart(rune(t[0])) || t[0] == '`' || t[0] >= 0x80:
		name := strings.Trim(t, "`")
		if p.peek() == "(" {
			return p.call(name)
		}
		return &node{op: "name", text: name}, nil
	}
	return nil, syntax("unexpected %q", t)
}

// call reads the arguments of a function.
func (p *parser) call(name string) (*node, error) {
	p.at++
	n := &node{op: "call", text: name}
	for p.peek() != ")" {
		arg, err := p.expression(precedence["<"])
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		if p.peek() != "," {
			break
		}
		p.at++
	}
	return n, p.expect(")")
}

func (p *parser) expect(token string) error {
	if p.peek() != token {
		return syntax("%q expected", token)
	}
	p.at++
	return nil
}

// tokenise splits the text into names, numbers and operators.
func tokenise(text string) ([]string, error) {
	var tokens []string
	runes := []rune(text)
	for i := 0; i < len(runes); {
		r := runes[i]
		j := i + 1
		switch {
		case unicode.IsSpace(r):
			i++
			continue
		case r == '`':
			for j < len(runes) && runes[j] != '`' {
				j++
			}
			if j == len(runes) {
				return nil, syntax("a backquote is not closed")
			}
			j++
		case unicode.IsDigit(r) || r == '.' && j < len(runes) && unicode.IsDigit(runes[j]):
			for j < len(runes) && (unicode.IsDigit(runes[j]) || runes[j] == '.' || runes[j] == 'e' || runes[j] == 'E') {
				j++
			}
		case isNameStart(r):
			for j < len(runes) && (isNameStart(runes[j]) || unicode.IsDigit(runes[j])) {
				j++
			}
		case strings.ContainsRune("<>=!", r) && j < len(runes) && runes[j] == '=':
			j++
		case r == '<' || r == '>':
		case !strings.ContainsRune("~+-*/^:(),", r):
			return nil, syntax("%q is not understood", string(r))
		}
		tokens = append(tokens, string(runes[i:j]))
		i = j
	}
	return tokens, nil
}

func isNameStart(r rune) bool { return unicode.IsLetter(r) || r == '.' || r == '_' }

// deparse writes the node as R prints it: the name of a column made from it.
func (n *node) deparse() string {
	switch n.op {
	case "number":
		return n.text
	case "name":
		if isSyntactic(n.text) {
			return n.text
		}
		return "`" + n.text + "`"
	case "(":
		return "(" + n.args[0].deparse() + ")"
	case "call":
		parts := make([]string, len(n.args))
		for i, a := range n.args {
			parts[i] = a.deparse()
		}
		return n.text + "(" + strings.Join(parts, ", ") + ")"
	}
	if len(n.args) == 1 {
		return n.op + n.args[0].deparse()
	}
	space := " "
	if n.op == "^" || n.op == ":" || n.op == "/" {
		space = ""
	}
	return n.args[0].deparse() + space + n.op + space + n.args[1].deparse()
}

func isSyntactic(name string) bool {
	for i, r := range name {
		if !(isNameStart(r) || i > 0 && unicode.IsDigit(r)) {
			return false
		}
	}
	return name != "" && name[0] != '_'
}

func syntax(format string, args ...any) error {
	return fmt.Errorf("design: formula: "+format+": %w", append(args, analytics.ErrInvalidParameter)...)
}
