package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The huge image: of its layers one has packages, the others have data.
const (
	hugeLayers = 60
	hugeFiles  = 172 // of 1 MiB in each layer: 10 GiB together
)

// hugeMost is the memory that the action may take for any of it.
const hugeMost = 1.5e9

// manyPackages is how many the image of many packages has.
const manyPackages = 100_000

// huge are images of the first quarter, the first half and all of the same layers.
func (m *images) huge() ([]*image, error) {
	var layers []stored
	build := func(l *layout) (v1.Descriptor, error) {
		base, err := l.layer(func(w *tar.Writer) error { return dpkg(w, 100) })
		if err != nil {
			return v1.Descriptor{}, err
		}
		layers = append(layers, base)
		for n := 1; n < hugeLayers; n++ {
			layer, err := l.layer(func(w *tar.Writer) error { return data(w, fmt.Sprintf("srv/data/%d", n), hugeFiles, uint64(n)) })
			if err != nil {
				return v1.Descriptor{}, err
			}
			layers = append(layers, layer)
		}
		return l.image(platforms[0], layers...)
	}
	whole, err := m.get("huge", build)
	if err != nil {
		return nil, err
	}
	if layers, err = whole.stored(); err != nil {
		return nil, err
	}
	var all []*image
	for _, part := range []int{4, 2} {
		i, err := m.get(fmt.Sprintf("huge-%d", part), func(l *layout) (v1.Descriptor, error) {
			return l.image(platforms[0], layers[:len(layers)/part]...)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return append(all, whole), nil
}

// stored are the layers of an image of one platform.
func (i *image) stored() ([]stored, error) {
	var manifest v1.Manifest
	if err := readJSON(i.path(i.Top), &manifest); err != nil {
		return nil, err
	}
	var config v1.ConfigFile
	if err := readJSON(i.path(manifest.Config), &config); err != nil {
		return nil, err
	}
	var layers []stored
	for n, desc := range manifest.Layers {
		layers = append(layers, stored{desc: desc, diffID: config.RootFS.DiffIDs[n]})
	}
	return layers, nil
}

// runLarge measures the huge images and the one of many packages, and writes their part of the page.
func (b *bench) runLarge(ctx context.Context, r *report) error {
	all, err := b.images.huge()
	if err != nil {
		return err
	}
	many, err := b.images.layered(fmt.Sprintf("packages-%d", manyPackages), 2, 10, manyPackages)
	if err != nil {
		return err
	}
	for _, i := range append(all, many) {
		c := &cell{image: i}
		r.cells = append(r.cells, c)
		turns := []turn{b.oursIn(bundle), b.theirsIn(columns[1], bundle), b.lowest}
		if i == many {
			turns = []turn{b.dry, b.syftAlone, b.lowest}
		}
		if err := b.take(ctx, c, turns, r.rounds); err != nil {
			return err
		}
	}
	var text strings.Builder
	if err := r.writeLarge(&text); err != nil {
		return err
	}
	fmt.Print(text.String())
	return replace(filepath.Join(b.root, "docs/performance.md"), "bench-large", text.String())
}

// dry has the action list the packages, and sign nothing.
func (b *bench) dry(ctx context.Context, c *cell) error {
	p, err := b.put(ctx, c.image)
	if err != nil {
		return err
	}
	r, err := b.act(ctx, p, map[string]string{"dry-run": "true"})
	if err != nil {
		return err
	}
	c.add(contender{format: bundle}, r)
	return nil
}

func (b *bench) syftAlone(ctx context.Context, c *cell) error {
	p, err := b.put(ctx, c.image)
	if err != nil {
		return err
	}
	r, err := b.catalog(ctx, p, columns[1].env...)
	if err != nil {
		return err
	}
	c.add(contender{bundle, columns[1].name}, r)
	return nil
}

func (r *report) writeLarge(w io.Writer) error {
	r.writeHead(w)
	ours, theirs := contender{format: bundle}, contender{bundle, columns[1].name}
	fmt.Fprintf(w, "| image | compressed, MB | wall, s | s per GB | floor, s | action ÷ floor | %s, s | action ÷ this | processor, s | memory, MB | memory of the peer, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", r.name(theirs))
	most := 0.0
	for _, c := range r.cells {
		at, gb := c.of(ours, wall), float64(c.image.Bytes)/1e9
		title, each := fmt.Sprintf("%d packages; with dry-run, against syft alone", manyPackages), ""
		if strings.HasPrefix(c.image.Name, "huge") {
			parts, err := c.image.stored()
			if err != nil {
				return err
			}
			title = fmt.Sprintf("%d layers, %.1f GiB expanded", len(parts), float64((len(parts)-1)*hugeFiles)/1024)
			each = fmt.Sprintf("%.1f", at.median()/gb)
			most = max(most, c.of(ours, memory).median())
		}
		fmt.Fprintf(w, "| %s | %.0f | %.1f | %s | %.1f | %.2f | %.1f | %.2f | %.1f | %.0f | %.0f |\n", title, gb*1000, at.median(), each,
			c.of(theFloor, wall).median(), ratio(at, c.of(theFloor, wall)), c.of(theirs, wall).median(), ratio(at, c.of(theirs, wall)),
			c.of(ours, cpu).median(), c.of(ours, memory).median()/1e6, c.of(theirs, memory).median()/1e6)
	}
	met := "within"
	if most > hugeMost {
		met = "**beyond**"
	}
	fmt.Fprintf(w, "\nThe memory for the image of %d layers, %.0f MB, is %s the goal of %.0f MB.\n", hugeLayers, most/1e6, met, hugeMost/1e6)
	return nil
}
