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
		if err := b.warm(ctx, c); err != nil {
			return err
		}
		for n := range r.rounds {
			for _, turn := range []func() error{
				func() error { return b.ours(ctx, c, bundle) },
				func() error { return b.theirs(ctx, c, columns[1], bundle) },
				func() error { return b.lowest(ctx, c) },
			} {
				if err := turn(); err != nil {
					return err
				}
			}
			fmt.Printf("%s: round %d\n", i.Name, n+1)
		}
		r.cells = append(r.cells, c)
	}
	var text strings.Builder
	r.writeLarge(&text)
	fmt.Print(text.String())
	return replace(filepath.Join(b.root, "docs/performance.md"), "bench-large", text.String())
}

func (r *report) writeLarge(w io.Writer) {
	r.writeHead(w)
	ours, theirs := contender{format: bundle}, contender{bundle, columns[1].name}
	fmt.Fprintf(w, "| image | compressed, MB | wall, s | s per GB | floor, s | action ÷ floor | %s, s | action ÷ this | processor, s | memory, MB | memory of the peer, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", r.name(theirs))
	most := 0.0
	for _, c := range r.cells {
		title := fmt.Sprintf("%d packages", manyPackages)
		if parts, err := c.image.stored(); err == nil && len(parts) > 2 {
			title = fmt.Sprintf("%d layers, %.1f GiB expanded", len(parts), float64((len(parts)-1)*hugeFiles)/1024)
		}
		at := c.of(ours, wall)
		fmt.Fprintf(w, "| %s | %.0f | %.1f | %.1f | %.1f | %.2f | %.1f | %.2f | %.1f | %.0f | %.0f |\n", title, float64(c.image.Bytes)/1e6, at.median(), at.median()/(float64(c.image.Bytes)/1e9),
			c.of(theFloor, wall).median(), ratio(at, c.of(theFloor, wall)), c.of(theirs, wall).median(), ratio(at, c.of(theirs, wall)),
			c.of(ours, cpu).median(), c.of(ours, memory).median()/1e6, c.of(theirs, memory).median()/1e6)
		if len(c.image.Name) >= 4 && c.image.Name[:4] == "huge" {
			most = max(most, c.of(ours, memory).median())
		}
	}
	met := "within"
	if most > hugeMost {
		met = "**beyond**"
	}
	fmt.Fprintf(w, "\nThe memory for the image of %d layers, %.0f MB, is %s the goal of %.0f MB.\n", hugeLayers, most/1e6, met, hugeMost/1e6)
}
