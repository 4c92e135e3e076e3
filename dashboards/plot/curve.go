package plot

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// curve draws both sides of one pair of limits between the smallest and the
// largest group.
//
// Limits of a mean lie ±h about the target with h² = a/n + b. Answers give them
// rounded, and sizes too, so the curve is that form through all of them, where
// it passes each within what rounding explains; the table has the limits
// themselves. Others (limits of proportions are not symmetrical) are joined as
// they stand.
func (c *canvas) curve(class string, points []drawnPoint, target float64, x, y scale,
	limits func(drawnPoint) (low, high float64), stroke string,
) {
	a, b, ok := form(points, target, limits)
	for side := range 2 {
		path := ""
		add := func(n, limit float64) {
			letter := "L"
			if path == "" {
				letter = "M"
			}
			path += fmt.Sprintf("%s%s %s", letter, num(x.at(n)), num(y.at(limit)))
		}
		if ok {
			sign := []float64{-1, 1}[side]
			for _, n := range sizes(points, limits) {
				add(n, target+sign*math.Sqrt(a/n+b))
			}
		} else {
			joined(points, limits, side, add)
		}
		if path != "" {
			c.raw(`<path class="%s" d="%s" %s/>`, class, path, stroke)
		}
	}
}

// joined adds the limits of one side as they stand, one for each size.
func joined(points []drawnPoint, limits func(drawnPoint) (low, high float64), side int, add func(n, limit float64)) {
	last := math.NaN()
	for _, p := range points {
		low, high := limits(p)
		if limit := []float64{low, high}[side]; finite(limit) && p.N != last {
			add(p.N, limit)
			last = p.N
		}
	}
}

// form finds a and b of h² = a/n + b by least squares, each limit weighted by
// 1/h² as its rounding error is alike in h. It is not ok where fewer than two
// sizes are known or a limit lies off the curve by more than its rounding and a
// tenth of h, which covers the rounding of sizes.
func form(points []drawnPoint, target float64, limits func(drawnPoint) (low, high float64)) (a, b float64, ok bool) {
	const slack = 0.1
	type halfWidth struct{ n, h, slack float64 }
	var known []halfWidth
	var sw, sx, sy, sxx, sxy float64
	for _, p := range points {
		low, high := limits(p)
		h := (high - low) / 2
		if !finite(low, high) || p.N <= 0 || h <= 0 {
			continue
		}
		allowed := slack*h + 1.001*p.round
		if math.Abs((low+high)/2-target) > allowed {
			return 0, 0, false
		}
		w, x, y := 1/(h*h), 1/p.N, h*h
		sw, sx, sy, sxx, sxy = sw+w, sx+w*x, sy+w*y, sxx+w*x*x, sxy+w*x*y
		known = append(known, halfWidth{p.N, h, allowed})
	}
	if len(known) < 2 {
		return 0, 0, false
	}
	a, b = sxy/sxx, 0 // through the origin: no over-dispersion
	if d := sw*sxx - sx*sx; d > 1e-9*sw*sxx {
		slope, rest := (sw*sxy-sx*sy)/d, (sxx*sy-sx*sxy)/d
		if slope >= 0 && rest >= 0 {
			a, b = slope, rest
		}
	}
	for _, k := range known {
		if math.Abs(math.Sqrt(a/k.n+b)-k.h) > k.slack {
			return 0, 0, false
		}
	}
	return a, b, true
}

// sizes are those at which a curve is drawn, close enough to look smooth.
func sizes(points []drawnPoint, limits func(drawnPoint) (low, high float64)) []float64 {
	const steps = 40
	var e extent
	for _, p := range points {
		if low, high := limits(p); finite(low, high) && p.N > 0 {
			e.hold(p.N)
		}
	}
	out := make([]float64, 0, steps+1)
	for i := 0; i <= steps; i++ {
		out = append(out, e.low*math.Pow(e.high/e.low, float64(i)/steps))
	}
	return out
}

// halfDigit is half of the last decimal place that numbers are given to.
func halfDigit(values ...float64) float64 {
	places := 0
	for _, v := range values {
		if !finite(v) {
			continue
		}
		if _, fraction, ok := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), "."); ok {
			places = max(places, len(fraction))
		}
	}
	return 0.5 * math.Pow10(-places)
}
