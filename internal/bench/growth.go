package main

import (
	"context"
	"fmt"
	"io"
)

// A curve is how the time grows with something.
type curve struct {
	of     string
	values []int
	cells  []*cell
}

// grow measures the action and the peer with the same files, each so often for each value.
func (b *bench) grow(ctx context.Context, of string, rounds int, values []int, make func(int) (*image, error)) (*curve, error) {
	c := &curve{of: of, values: values}
	for _, value := range values {
		i, err := make(value)
		if err != nil {
			return nil, err
		}
		at := &cell{image: i}
		if err := b.take(ctx, at, []turn{b.oursIn(bundle), b.theirsIn(columns[1], bundle)}, rounds); err != nil {
			return nil, err
		}
		c.cells = append(c.cells, at)
	}
	return c, nil
}

// curves are those of an image that is otherwise the same.
func (b *bench) curves(ctx context.Context, rounds int) ([]*curve, error) {
	var curves []*curve
	for _, c := range []struct {
		of     string
		values []int
		make   func(int) (*image, error)
	}{
		{"Layers, of 100 MB together", []int{2, 11, 51}, func(n int) (*image, error) {
			return b.images.layered(fmt.Sprintf("layers-%d", n), n, 330, 100)
		}},
		{"Packages", []int{100, 1000, 10_000}, func(n int) (*image, error) {
			return b.images.layered(fmt.Sprintf("packages-%d", n), 2, 10, n)
		}},
		{"Platforms", []int{1, 2, 4, 8}, func(n int) (*image, error) {
			return b.images.shared(fmt.Sprintf("platforms-%d", n), n)
		}},
	} {
		grown, err := b.grow(ctx, c.of, rounds, c.values, c.make)
		if err != nil {
			return nil, err
		}
		curves = append(curves, grown)
	}
	return curves, nil
}

func (r *report) writeCurve(w io.Writer, c *curve) {
	fmt.Fprintf(w, "\n### %s\n\n| |", c.of)
	for _, value := range c.values {
		fmt.Fprintf(w, " %d |", value)
	}
	fmt.Fprint(w, "\n|---|")
	for range c.values {
		fmt.Fprint(w, "--:|")
	}
	ours, theirs := contender{format: bundle}, contender{bundle, columns[1].name}
	c.row(w, r.name(ours)+", s", func(at *cell) float64 { return at.of(ours, wall).median() })
	c.row(w, r.name(theirs)+", s", func(at *cell) float64 { return at.of(theirs, wall).median() })
	c.row(w, "action ÷ peer", func(at *cell) float64 { return ratio(at.of(ours, wall), at.of(theirs, wall)) })
	c.row(w, "memory of the action, MB", func(at *cell) float64 { return at.of(ours, memory).median() / 1e6 })
	c.row(w, "memory of the peer, MB", func(at *cell) float64 { return at.of(theirs, memory).median() / 1e6 })
	fmt.Fprintln(w)
}

func (c *curve) row(w io.Writer, name string, number func(*cell) float64) {
	fmt.Fprintf(w, "\n| %s |", name)
	for _, at := range c.cells {
		fmt.Fprintf(w, " %s |", trim(number(at)))
	}
}
