package plot

import (
	"cmp"
	"html"
	"math"
	"slices"
	"strconv"
)

// FunnelData is a funnel plot: groups by size, with the limits within which
// chance alone would keep them.
type FunnelData struct {
	ID          string // document id, unique on the page
	Title       string
	Description string // what a screen reader says in place of the picture
	XLabel      string // "Records with both questionnaires"
	YLabel      string // "Adjusted health gain, points"
	Target      float64
	TargetLabel string
	Decimals    int // of values in words
	Points      []FunnelPoint
}

// FunnelPoint is one group. A point whose N or Value is not finite is absent
// from the drawing; a limit that is not finite is left out of its curve.
// Where groups have targets of their own (mixtures of strata differ), a point and
// its limits are drawn about the common target by their distance from their own.
type FunnelPoint struct {
	ID       string
	Label    string
	N        float64
	Value    float64
	Target   float64 // the group's own; the common one where not finite
	Standing Standing
	Lower95  float64
	Upper95  float64
	Lower998 float64
	Upper998 float64
}

const (
	funnelWidth  = 720.0
	funnelHeight = 470.0
)

// Funnel draws a funnel plot, one mark a point, with 95 % and 99.8 % limits.
func Funnel(d FunnelData) string {
	points := drawable(d)
	c := &canvas{width: funnelWidth, height: funnelHeight}
	c.open(slug(d.ID), "plot-funnel", d.Title, d.Description)
	x, y := c.funnelAxes(d, points)
	c.line("target", x.start, y.at(d.Target), x.end, y.at(d.Target), `stroke="#4c6272" stroke-width="1.5" stroke-dasharray="12 4 2 4"`)
	c.curve("limit limit-95", points, d.Target, x, y, func(p drawnPoint) (float64, float64) { return p.Lower95, p.Upper95 },
		`fill="none" stroke="#4c6272" stroke-width="1.5" stroke-dasharray="6 4"`)
	c.curve("limit limit-998", points, d.Target, x, y, func(p drawnPoint) (float64, float64) { return p.Lower998, p.Upper998 },
		`fill="none" stroke="#4c6272" stroke-width="1.5"`)
	for _, p := range points {
		c.funnelMark(p, d.Decimals, x, y)
	}
	c.alarmLabels(points, x, y)
	c.funnelLegend(d)
	return c.close()
}

// drawnPoint is a point with the height at which it is drawn, its limits about
// the common target.
type drawnPoint struct {
	FunnelPoint
	at    float64
	round float64 // half of the last digit that its limits are given to
}

func drawable(d FunnelData) []drawnPoint {
	kept := make([]drawnPoint, 0, len(d.Points))
	for _, p := range d.Points {
		if !finite(p.N, p.Value) {
			continue
		}
		q := drawnPoint{FunnelPoint: p, at: p.Value, round: halfDigit(p.Lower95, p.Upper95, p.Lower998, p.Upper998)}
		if finite(p.Target) {
			shift := d.Target - p.Target
			q.at += shift
			q.Lower95, q.Upper95, q.Lower998, q.Upper998 = p.Lower95+shift, p.Upper95+shift, p.Lower998+shift, p.Upper998+shift
		}
		kept = append(kept, q)
	}
	slices.SortFunc(kept, func(a, b drawnPoint) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.ID, b.ID))
	})
	return kept
}

func (c *canvas) funnelAxes(d FunnelData, points []drawnPoint) (x, y scale) {
	across, up := extent{}, extent{}
	across.hold(0)
	up.hold(d.Target)
	for _, p := range points {
		across.hold(p.N)
		up.hold(p.at, p.Lower95, p.Upper95, p.Lower998, p.Upper998)
	}
	xs, _ := across.ticks(8)
	ys, decimals := up.ticks(7)
	const left, right, top, bottom = 76, 18, 14, 100
	x = scale{xs[0], xs[len(xs)-1], left, c.width - right}
	y = scale{ys[0], ys[len(ys)-1], c.height - bottom, top}
	for _, v := range ys {
		c.line("grid", x.start, y.at(v), x.end, y.at(v), `stroke="`+inkGrid+`"`)
		c.text("tick", "end", x.start-8, y.at(v)+5, Number(v, decimals))
	}
	for _, v := range xs {
		c.line("axis", x.at(v), y.start, x.at(v), y.start+5, `stroke="`+inkFaint+`"`)
		c.text("tick", "middle", x.at(v), y.start+20, Number(v, 0))
	}
	c.line("axis", x.start, y.start, x.end, y.start, `stroke="`+inkFaint+`"`)
	c.text("label", "middle", (x.start+x.end)/2, y.start+42, d.XLabel)
	c.raw(`<text class="label" transform="translate(18 %s) rotate(-90)" text-anchor="middle">%s</text>`,
		num((y.start+y.end)/2), html.EscapeString(d.YLabel))
	return x, y
}

func (c *canvas) funnelMark(p drawnPoint, decimals int, x, y scale) {
	c.raw(`<g class="mark %s" data-id="%s" data-n="%s" data-value="%s" data-outlier="%s"><title>%s: %s, n %s. %s.</title>%s</g>`,
		p.Standing.class(), html.EscapeString(p.ID), exact(p.N), exact(p.Value), html.EscapeString(string(p.Standing)),
		html.EscapeString(p.Label), Number(p.Value, decimals), Number(p.N, 0), p.Standing.Words(),
		symbol(p.Standing, x.at(p.N), y.at(p.at)))
}

// alarmLabels writes the names of groups in alarm beside their marks, largest
// first; a name that would lie over another, or over the edge, is left out.
func (c *canvas) alarmLabels(points []drawnPoint, x, y scale) {
	type box struct{ left, right, base float64 }
	var taken []box
	for _, p := range slices.Backward(points) {
		if p.Standing != AlarmLow && p.Standing != AlarmHigh {
			continue
		}
		wide := float64(len([]rune(p.ID))) * charWidth * 1.2
		b := box{left: x.at(p.N) + 11, base: y.at(p.at) + 5}
		if b.left+wide > x.end {
			b.left = x.at(p.N) - 11 - wide
		}
		b.right = b.left + wide
		if slices.ContainsFunc(taken, func(t box) bool {
			return math.Abs(t.base-b.base) < textSize && b.left < t.right && t.left < b.right
		}) {
			continue
		}
		taken = append(taken, b)
		c.text("name", "start", b.left, b.base, p.ID)
	}
}

func (c *canvas) funnelLegend(d FunnelData) {
	row1, row2 := c.height-30, c.height-8
	c.line("target", 76, row1-5, 106, row1-5, `stroke="#4c6272" stroke-width="1.5" stroke-dasharray="12 4 2 4"`)
	c.text("legend", "start", 112, row1, d.TargetLabel+" "+Number(d.Target, d.Decimals))
	c.line("limit limit-95", 376, row1-5, 406, row1-5, `stroke="#4c6272" stroke-width="1.5" stroke-dasharray="6 4"`)
	c.text("legend", "start", 412, row1, "95% limits")
	c.line("limit limit-998", 526, row1-5, 556, row1-5, `stroke="#4c6272" stroke-width="1.5"`)
	c.text("legend", "start", 562, row1, "99.8% limits")
	for i, s := range []struct {
		standing Standing
		words    string
	}{{Within, "Within limits"}, {AlertHigh, "Outside 95%"}, {AlarmHigh, "Above 99.8%"}, {AlarmLow, "Below 99.8%"}} {
		at := 84 + float64(i)*150
		c.raw(`<g class="key %s">%s</g>`, s.standing.class(), symbol(s.standing, at, row2-5))
		c.text("legend", "start", at+14, row2, s.words)
	}
}

// exact writes a number so that it reads back as the same one.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
