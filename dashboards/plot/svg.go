package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// canvas collects an SVG document. Lengths are in user units; text is 14 high.
type canvas struct {
	b             strings.Builder
	width, height float64
}

const (
	textSize  = 14.0
	lineStep  = 22.0
	charWidth = 7.2 // of the average character at textSize, for layout only
)

// open starts the document. Title and description are what a screen reader says.
func (c *canvas) open(id, class, title, description string) {
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" class="plot %s" role="img" aria-labelledby="%s-title %s-desc" viewBox="0 0 %s %s" width="%s" height="%s" font-family="Arial, Helvetica, sans-serif" font-size="%s" fill="#212b32">`,
		class, id, id, num(c.width), num(c.height), num(c.width), num(c.height), num(textSize))
	fmt.Fprintf(&c.b, "\n<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">%s</desc>\n",
		id, html.EscapeString(title), id, html.EscapeString(description))
}

func (c *canvas) close() string {
	c.b.WriteString("</svg>\n")
	return c.b.String()
}

func (c *canvas) raw(format string, args ...any) {
	fmt.Fprintf(&c.b, format, args...)
	c.b.WriteByte('\n')
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64, stroke string) {
	c.raw(`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s" %s/>`, class, num(x1), num(y1), num(x2), num(y2), stroke)
}

func (c *canvas) text(class, anchor string, x, y float64, s string) {
	c.raw(`<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`, class, num(x), num(y), anchor, html.EscapeString(s))
}

// bold is text of weight bold.
func (c *canvas) bold(class, anchor string, x, y float64, s string) {
	c.raw(`<text class="%s" x="%s" y="%s" text-anchor="%s" font-weight="bold">%s</text>`, class, num(x), num(y), anchor, html.EscapeString(s))
}

// num writes a coordinate: at most two decimals, no trailing zeros, no "-0".
func num(v float64) string {
	s := strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

// Number writes a value for people: fixed decimals, half away from zero (domain
// 0.1), a true minus sign.
func Number(v float64, decimals int) string {
	scale := math.Pow10(decimals)
	s := strconv.FormatFloat(math.Round(v*scale)/scale, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// scale maps a range of values onto a range of coordinates.
type scale struct{ from, to, start, end float64 }

func (s scale) at(v float64) float64 {
	return s.start + (v-s.from)/(s.to-s.from)*(s.end-s.start)
}

// extent is the range that values span.
type extent struct {
	low, high float64
	any       bool
}

// hold widens the extent to hold finite values; others are passed over.
func (e *extent) hold(values ...float64) {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !e.any {
			e.low, e.high, e.any = v, v, true
			continue
		}
		e.low, e.high = min(e.low, v), max(e.high, v)
	}
}

// ticks returns about n round values that span the extent, with the decimals
// that tell them apart. A single value is widened to a range about it.
func (e extent) ticks(n int) (values []float64, decimals int) {
	low, high := e.low, e.high
	if !e.any {
		low, high = 0, 1
	}
	if low == high {
		half := max(math.Abs(low)*0.1, 1e-3)
		low, high = low-half, high+half
	}
	step := niceStep((high - low) / float64(n))
	decimals = max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	for i := first; i <= last; i++ {
		values = append(values, i*step)
	}
	return values, decimals
}

// niceStep is the smallest of 1, 2, 5 × 10^k that is not below the step wished.
func niceStep(wished float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(wished)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= wished*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// slug makes a document id of letters, digits and hyphens.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, s)
}
