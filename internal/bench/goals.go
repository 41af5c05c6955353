package main

import (
	"fmt"
	"strings"
)

// A goal is a row of the headline table: a number of the action, and the bound that it has.
type goal struct {
	work     string
	bound    float64
	unit     string
	measured []float64 // each must be within the bound
	also     []float64 // the same with the same selection of files, for information
}

func (g goal) row() string {
	met := "yes"
	for _, m := range g.measured {
		if m > g.bound {
			met = "**no**"
		}
	}
	return fmt.Sprintf("| %s | ≤ %s%s | %s | %s | %s |", g.work, trim(g.bound), g.unit, list(g.measured, g.unit), list(g.also, g.unit), met)
}

func list(numbers []float64, unit string) string {
	var words []string
	for _, n := range numbers {
		words = append(words, trim(n)+unit)
	}
	return strings.Join(words, ", ")
}

// trim writes a number with two digits after the point at most.
func trim(n float64) string {
	if n >= 10 {
		return fmt.Sprintf("%.0f", n)
	}
	text := strings.TrimRight(fmt.Sprintf("%.2f", n), "0")
	return strings.TrimSuffix(text, ".")
}

// against is the action divided by the peer, in both formats.
func (c *cell) against(with column, number func(*run) float64) []float64 {
	var ratios []float64
	for _, f := range []format{bundle, legacy} {
		ratios = append(ratios, ratio(c.of(contender{format: f}, number), c.of(contender{f, with.name}, number)))
	}
	return ratios
}

func (c *cell) of(who contender, number func(*run) float64) sample { return c.runs[who].of(number) }

// own are the medians of the action, in both formats.
func (c *cell) own(number func(*run) float64) []float64 {
	return []float64{c.of(contender{format: bundle}, number).median(), c.of(contender{format: legacy}, number).median()}
}

func certificates(r *run) float64 {
	return float64(r.record.to("fulcio"))
}

func tokens(r *run) float64 { return float64(r.record.to("oidc")) }

// goals are the rows of the specification.
func (r *report) goals() []goal {
	large, shared, small := r.cell("large", 0), r.cell("shared", 0), r.cell("small", latency)
	atFloor := ratio(large.of(contender{format: bundle}, wall), large.of(theFloor, wall))
	return []goal{
		{fmt.Sprintf("one platform, %.0f MB, %d packages: wall", float64(large.image.Bytes)/1e6, large.sets.common), 0.4, " ×", large.against(columns[0], wall), large.against(columns[1], wall)},
		{"the same: memory", 0.6, " ×", large.against(columns[0], memory), large.against(columns[1], memory)},
		{"four platforms that share a layer: wall", 0.3, " ×", shared.against(columns[0], wall), shared.against(columns[1], wall)},
		{"two platforms of 10 MB, 50 ms for each request: wall", 0.3, " ×", small.against(columns[0], wall), small.against(columns[1], wall)},
		{"the same: requests to the registry", 40, "", small.own(requests), nil},
		{"the same: certificates", 1, "", small.own(certificates), nil},
		{"the same: tokens", 2, "", small.own(tokens), nil},
		{"600 MB against the floor: wall", 2, " ×", []float64{atFloor}, nil},
		{"from the start to the first request", 100, " ms", []float64{r.start.median() * 1000}, nil},
		{"image of the action, compressed", 35, " MB", []float64{float64(r.imageSize) / 1e6}, nil},
	}
}
