package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seal-image/internal/harness"
)

// A column is how the peer selects files.
type column struct {
	name string
	env  []string // of syft
}

var columns = []column{
	{name: "at its defaults"},
	{name: "same files", env: []string{"SYFT_FILE_METADATA_SELECTION=none"}},
}

// A contender is what a row of a table is about.
type contender struct {
	format format // empty: the floor
	column string // of the peer; empty: the action
}

var theFloor = contender{}

// A cell is an image with a latency, and the runs on it.
type cell struct {
	image *image
	delay time.Duration
	runs  map[contender]series
	sets  packageSets
}

// packageSets are the packages of all documents, of the action and of syft's program.
type packageSets struct {
	common              int
	oursOnly, peersOnly []string
}

func (c *cell) add(who contender, r *run) {
	if c.runs == nil {
		c.runs = map[contender]series{}
	}
	if len(c.runs[who]) > 0 {
		r.documents = nil // those of the first are compared; many are large
	}
	c.runs[who] = append(c.runs[who], r)
}

// A turn runs one or more contenders once.
type turn func(context.Context, *cell) error

// turns are those of a cell. A latency adds little to what takes long, so that one format and
// one column tell it.
func (b *bench) turns(c *cell) []turn {
	if c.delay > 0 && c.image.Name != "small" {
		return []turn{b.oursIn(bundle), b.theirsIn(columns[0], bundle), b.lowest}
	}
	return []turn{
		b.oursIn(bundle), b.theirsIn(columns[0], legacy, bundle), b.oursIn(legacy), b.theirsIn(columns[1], legacy, bundle), b.lowest,
	}
}

func (b *bench) oursIn(f format) turn {
	return func(ctx context.Context, c *cell) error { return b.ours(ctx, c, f) }
}

func (b *bench) theirsIn(with column, formats ...format) turn {
	return func(ctx context.Context, c *cell) error { return b.theirs(ctx, c, with, formats...) }
}

// take takes the turns that often; every other time from the last to the first.
func (b *bench) take(ctx context.Context, c *cell, turns []turn, rounds int) error {
	if err := b.warm(ctx, c); err != nil {
		return err
	}
	for n := range rounds {
		start := time.Now()
		for _, turn := range turns {
			if err := turn(ctx, c); err != nil {
				return err
			}
		}
		slices.Reverse(turns)
		fmt.Printf("%s, %s: round %d in %.0f s\n", c.image.Name, c.delay, n+1, time.Since(start).Seconds())
	}
	return nil
}

// warm has the layers in the page cache, and the latency set.
func (b *bench) warm(ctx context.Context, c *cell) error {
	if err := slow(ctx, b.job, c.delay); err != nil {
		return err
	}
	p, err := b.put(ctx, c.image)
	if err != nil {
		return err
	}
	_, err = b.fetchAll(ctx, p)
	return err
}

func (b *bench) ours(ctx context.Context, c *cell, f format) error {
	p, err := b.put(ctx, c.image)
	if err != nil {
		return err
	}
	r, err := b.seal(ctx, p, f)
	if err != nil {
		return err
	}
	c.add(contender{format: f}, r)
	return nil
}

// theirs runs syft's program once, and a cosign for each format with what it found: what it does
// before is the same.
func (b *bench) theirs(ctx context.Context, c *cell, with column, formats ...format) error {
	var catalogued *run
	for _, f := range formats {
		p, err := b.put(ctx, c.image)
		if err != nil {
			return err
		}
		if catalogued == nil {
			if catalogued, err = b.catalog(ctx, p, with.env...); err != nil {
				return err
			}
		}
		signed, err := b.sign(ctx, p, f, catalogued.documents)
		if err != nil {
			return err
		}
		c.add(contender{f, with.name}, catalogued.then(signed))
	}
	return nil
}

func (b *bench) lowest(ctx context.Context, c *cell) error {
	p, err := b.put(ctx, c.image)
	if err != nil {
		return err
	}
	r, err := b.fetchAll(ctx, p)
	if err != nil {
		return err
	}
	c.add(theFloor, r)
	return nil
}

// compare compares the packages that both have found, of all platforms together.
func (c *cell) compare() error {
	ours, theirs := c.runs[contender{format: bundle}][0], c.runs[contender{bundle, columns[0].name}][0]
	for _, desc := range c.image.manifests() {
		have, err := harness.Packages(ours.documents[desc.Digest])
		if err != nil {
			return err
		}
		want, err := harness.Packages(theirs.documents[desc.Digest])
		if err != nil {
			return err
		}
		for _, p := range have {
			if slices.Contains(want, p) {
				c.sets.common++
			} else {
				c.sets.oursOnly = append(c.sets.oursOnly, p)
			}
		}
		for _, p := range want {
			if !slices.Contains(have, p) {
				c.sets.peersOnly = append(c.sets.peersOnly, p)
			}
		}
	}
	return nil
}
