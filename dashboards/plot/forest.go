package plot

import (
	"fmt"
	"html"
	"math"
)

// ForestData is a forest plot: estimates with their intervals, in sections.
type ForestData struct {
	ID          string // document id, unique on the page
	Title       string
	Description string
	XLabel      string // "Difference in gain, points"
	Null        float64
	Below       string // what lies left of the null: "Reference better"
	Above       string
	Decimals    int
	Sections    []ForestSection
}

// ForestSection is one heading with its rows, such as one intervention.
type ForestSection struct {
	Label string
	Rows  []ForestRow
}

// ForestRow is one estimate. A row whose Estimate, Lower or Upper is not finite
// is absent from the drawing.
type ForestRow struct {
	ID       string
	Label    string
	N        string // already disclosed, in words: "120 / 95"
	Estimate float64
	Lower    float64
	Upper    float64
	// Pooled marks the row that pools its section; it is drawn as a diamond.
	Pooled bool
	// PredictionLower and PredictionUpper bound the next group's effect; drawn
	// on a pooled row where both are finite and differ.
	PredictionLower float64
	PredictionUpper float64
}

const (
	forestWidth = 720.0
	forestTop   = 30.0
	forestFoot  = 82.0
)

// Forest draws a forest plot, one mark a row. The square of a row grows with
// its precision; a pooled row is a diamond as wide as its interval, with its
// prediction interval as a thin dashed line.
func Forest(d ForestData) string {
	sections, rows := drawnSections(d.Sections)
	height := forestTop + forestFoot + lineStep*float64(rows+len(sections))
	c := &canvas{width: forestWidth, height: height}
	c.open(slug(d.ID), "plot-forest", d.Title, d.Description)
	x := c.forestAxes(d, sections)
	narrowest := narrowestInterval(sections)
	c.bold("head", "start", 8, 18, "Group")
	c.bold("head", "end", 262, 18, "n")
	c.bold("head", "end", c.width-8, 18, "Estimate (95% interval)")
	y := forestTop + 16
	for _, s := range sections {
		c.bold("section", "start", 8, y, s.Label)
		y += lineStep
		for _, r := range s.Rows {
			c.forestRow(r, s.Label, x, y, narrowest, d.Decimals)
			y += lineStep
		}
	}
	return c.close()
}

func drawnSections(sections []ForestSection) (kept []ForestSection, rows int) {
	for _, s := range sections {
		drawn := ForestSection{Label: s.Label}
		for _, r := range s.Rows {
			if finite(r.Estimate, r.Lower, r.Upper) {
				drawn.Rows = append(drawn.Rows, r)
			}
		}
		if len(drawn.Rows) > 0 {
			kept = append(kept, drawn)
			rows += len(drawn.Rows)
		}
	}
	return kept, rows
}

func (c *canvas) forestAxes(d ForestData, sections []ForestSection) scale {
	var e extent
	e.hold(d.Null)
	for _, s := range sections {
		for _, r := range s.Rows {
			e.hold(r.Lower, r.Upper)
			if r.Pooled {
				e.hold(r.PredictionLower, r.PredictionUpper)
			}
		}
	}
	ticks, decimals := e.ticks(5)
	x := scale{ticks[0], ticks[len(ticks)-1], 282, c.width - 190}
	bottom := c.height - forestFoot + 8
	for _, v := range ticks {
		c.line("grid", x.at(v), forestTop, x.at(v), bottom, `stroke="`+inkGrid+`"`)
		c.text("tick", "middle", x.at(v), bottom+18, Number(v, decimals))
	}
	c.line("axis", x.start, bottom, x.end, bottom, `stroke="`+inkFaint+`"`)
	c.line("target", x.at(d.Null), forestTop, x.at(d.Null), bottom, `stroke="#4c6272" stroke-width="1.5"`)
	c.text("label", "middle", (x.start+x.end)/2, bottom+40, d.XLabel)
	c.text("side", "end", x.at(d.Null)-8, bottom+62, "← "+d.Below)
	c.text("side", "start", x.at(d.Null)+8, bottom+62, d.Above+" →")
	return x
}

// narrowestInterval is the least interval width of all rows but the pooled
// ones: that row gets the largest square.
func narrowestInterval(sections []ForestSection) float64 {
	least := math.Inf(1)
	for _, s := range sections {
		for _, r := range s.Rows {
			if !r.Pooled && r.Upper > r.Lower {
				least = min(least, r.Upper-r.Lower)
			}
		}
	}
	return least
}

func (c *canvas) forestRow(r ForestRow, section string, x scale, y, narrowest float64, decimals int) {
	words := fmt.Sprintf("%s (%s to %s)", Number(r.Estimate, decimals), Number(r.Lower, decimals), Number(r.Upper, decimals))
	class := "mark mark-estimate"
	if r.Pooled {
		class = "mark mark-pooled"
	}
	c.raw(`<g class="%s" data-id="%s" data-section="%s" data-value="%s" data-lower="%s" data-upper="%s"><title>%s, %s: %s</title>`,
		class, html.EscapeString(r.ID), html.EscapeString(section), exact(r.Estimate), exact(r.Lower), exact(r.Upper),
		html.EscapeString(section), html.EscapeString(r.Label), words)
	mid := y - 5
	if r.Pooled {
		c.diamond(r, x, mid)
		c.bold("row", "start", 20, y, r.Label)
		c.bold("value", "end", c.width-8, y, words)
	} else {
		c.line("interval", x.at(r.Lower), mid, x.at(r.Upper), mid, `stroke="`+inkWithin+`" stroke-width="2"`)
		half := squareHalf(r, narrowest)
		c.raw(`<rect class="symbol" x="%s" y="%s" width="%s" height="%s" fill="%s"/>`,
			num(x.at(r.Estimate)-half), num(mid-half), num(2*half), num(2*half), inkWithin)
		c.text("row", "start", 20, y, r.Label)
		c.text("value", "end", c.width-8, y, words)
	}
	c.text("count", "end", 262, y, r.N)
	c.raw("</g>")
}

// squareHalf is half the side of a row's square: its area is as its precision
// (one over the squared interval width), kept visible.
func squareHalf(r ForestRow, narrowest float64) float64 {
	const largest, least = 6.5, 2.5
	if r.Upper <= r.Lower || math.IsInf(narrowest, 0) {
		return least
	}
	return max(least, largest*narrowest/(r.Upper-r.Lower))
}

func (c *canvas) diamond(r ForestRow, x scale, mid float64) {
	if finite(r.PredictionLower, r.PredictionUpper) && r.PredictionUpper > r.PredictionLower {
		c.line("prediction", x.at(r.PredictionLower), mid, x.at(r.PredictionUpper), mid,
			`stroke="#4c6272" stroke-width="1.5" stroke-dasharray="3 3"`)
	}
	low, high := x.at(r.Lower), x.at(r.Upper)
	middle := x.at(r.Estimate)
	// A very narrow interval still shows as a diamond.
	low, high = min(low, middle-4), max(high, middle+4)
	c.raw(`<path class="symbol" d="M%s %sL%s %sL%s %sL%s %sz" fill="#003087"/>`,
		num(low), num(mid), num(middle), num(mid-7), num(high), num(mid), num(middle), num(mid+7))
}
