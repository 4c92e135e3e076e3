package plot

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata")

func funnelExample() FunnelData {
	d := FunnelData{
		ID: "funnel", Title: "Adjusted gain by provider", Description: "Six providers; one is an alarm.",
		XLabel: "Records with both questionnaires", YLabel: "Adjusted gain, points",
		Target: 11, TargetLabel: "Mean of all providers", Decimals: 1,
	}
	for i, p := range []FunnelPoint{
		{ID: "RTR", N: 400, Value: 8.5, Standing: AlarmLow},
		{ID: "RXA", N: 225, Value: 14, Standing: AlertHigh},
		{ID: "RVW", N: 100, Value: 7, Standing: AlertLow},
		{ID: "R0B", N: 65, Value: 11, Standing: Within},
		{ID: "RR7", N: 145, Value: 17.5, Standing: AlarmHigh},
		{ID: "RNL", N: 35, Value: 12, Standing: ""},
		{ID: "hidden", N: 30, Value: math.NaN(), Standing: Within},
	} {
		half := 16 / math.Sqrt(p.N)
		p.Target = math.NaN()
		p.Label = fmt.Sprintf("Trust <%d> & partners", i)
		p.Lower95, p.Upper95 = 11-1.959964*half, 11+1.959964*half
		p.Lower998, p.Upper998 = 11-3.090232*half, 11+3.090232*half
		d.Points = append(d.Points, p)
	}
	return d
}

func forestExample() ForestData {
	nan := math.NaN()
	rows := func(shift float64) []ForestRow {
		return []ForestRow{
			{ID: "Y58", Label: "South West", N: "120 / 95", Estimate: shift, Lower: shift - 2, Upper: shift + 2, PredictionLower: nan, PredictionUpper: nan},
			{ID: "Y63", Label: "North East and Yorkshire", N: "60 / 45", Estimate: shift + 1, Lower: shift - 3, Upper: shift + 5},
			{ID: "Y56", Label: "London", N: "* / *", Estimate: nan, Lower: nan, Upper: nan},
			{ID: "pooled", Label: "All regions", Estimate: shift + .3, Lower: shift - 1.1, Upper: shift + 1.7, Pooled: true, PredictionLower: shift - 4, PredictionUpper: shift + 4},
		}
	}
	return ForestData{
		ID: "forest", Title: "Interventions by region", Description: "Difference in gain against the reference.",
		XLabel: "Difference in gain, points", Below: "Core therapy better", Above: "Better than core therapy", Decimals: 1,
		Sections: []ForestSection{{Label: "Surgery", Rows: rows(-1)}, {Label: "Nothing to show", Rows: rows(0)[2:3]}, {Label: "Nerve root block", Rows: rows(4)}},
	}
}

func TestDrawingsAreAsCommitted(t *testing.T) {
	for name, got := range map[string]string{
		"funnel.svg":       Funnel(funnelExample()),
		"funnel_empty.svg": Funnel(FunnelData{ID: "funnel", Title: "Nothing yet", TargetLabel: "Mean"}),
		"forest.svg":       Forest(forestExample()),
		"forest_empty.svg": Forest(ForestData{ID: "forest", Title: "Nothing yet"}),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from the drawing: run with -update and look at the difference", name)
		}
	}
}

func TestDrawingsAreWellFormedAndStrict(t *testing.T) {
	for name, svg := range map[string]string{"funnel": Funnel(funnelExample()), "forest": Forest(forestExample())} {
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			start, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			for _, a := range start.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Errorf("%s: <%s> has %s, which a strict policy refuses", name, start.Name.Local, a.Name.Local)
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s: %s=%q", name, a.Name.Local, a.Value)
				}
			}
		}
		for _, want := range []string{`role="img"`, "<title id=", "<desc id=", "aria-labelledby="} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: no %s", name, want)
			}
		}
	}
}

func TestOneMarkForEachGroupThatIsKnown(t *testing.T) {
	funnel := Funnel(funnelExample())
	if got := strings.Count(funnel, `<g class="mark `); got != 6 {
		t.Errorf("funnel has %d marks, want 6", got)
	}
	if strings.Contains(funnel, "hidden") {
		t.Error("a group without a value is drawn")
	}
	forest := Forest(forestExample())
	if got := strings.Count(forest, `<g class="mark `); got != 6 {
		t.Errorf("forest has %d marks, want 6", got)
	}
	if strings.Contains(forest, "Nothing to show") || strings.Contains(forest, "London") {
		t.Error("a section or row without an estimate is drawn")
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		value    float64
		decimals int
		want     string
	}{
		{12.25, 1, "12.3"}, {-12.25, 1, "−12.3"}, {-0.01, 1, "0.0"}, {0, 0, "0"}, {1234.5, 0, "1235"}, {0.123, 3, "0.123"}, {-0.0004, 3, "0.000"},
	} {
		if got := Number(c.value, c.decimals); got != c.want {
			t.Errorf("Number(%v, %d) = %q, want %q", c.value, c.decimals, got, c.want)
		}
	}
}

func TestTicksSpanTheirValues(t *testing.T) {
	for _, c := range [][]float64{{0, 1}, {-3, 7}, {0.1, 0.12}, {5, 5}, {0, 0}, {-1e-4, 1e6}} {
		var e extent
		e.hold(c...)
		ticks, _ := e.ticks(6)
		if len(ticks) < 2 || len(ticks) > 14 {
			t.Errorf("%v: %d ticks", c, len(ticks))
		}
		slack := (c[1] - c[0]) * 1e-6
		if ticks[0] > c[0]+slack || ticks[len(ticks)-1] < c[1]-slack {
			t.Errorf("%v: ticks %v do not span", c, ticks)
		}
	}
}

// TestOwnTargetsKeepTheirDistance: a group with a target of its own is drawn as
// far from the common target, and keeps its own value in words.
func TestOwnTargetsKeepTheirDistance(t *testing.T) {
	common := FunnelPoint{ID: "A", Label: "A", N: 100, Value: 14, Target: 11, Lower95: 8, Upper95: 14, Lower998: 6, Upper998: 16}
	own := FunnelPoint{ID: "A", Label: "A", N: 100, Value: 16, Target: 13, Lower95: 10, Upper95: 16, Lower998: 8, Upper998: 18}
	draw := func(p FunnelPoint) string {
		return Funnel(FunnelData{ID: "f", Title: "T", Target: 11, Points: []FunnelPoint{p}})
	}
	got := strings.NewReplacer(`data-value="16"`, `data-value="14"`, "A: 16, n", "A: 14, n").Replace(draw(own))
	if got != draw(common) {
		t.Errorf("drawings differ:\n%s\n%s", got, draw(common))
	}
}
