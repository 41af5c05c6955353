package attest

import (
	"context"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Arrivals are the layers of images on their way into a layout: who downloads says what is
// there, and who reads waits for it. The methods are for any goroutine.
type Arrivals struct {
	mu      sync.Mutex
	changed chan struct{}         // closed at the next change
	layers  map[v1.Hash][]v1.Hash // of an image, from the lowest on
	there   map[v1.Hash]bool      // layers
}

// NewArrivals returns those of a download that begins.
func NewArrivals() *Arrivals {
	return &Arrivals{changed: make(chan struct{}), layers: map[v1.Hash][]v1.Hash{}, there: map[v1.Hash]bool{}}
}

// Expect says that manifest and config of an image are in the layout, and which layers will be.
func (a *Arrivals) Expect(image v1.Hash, layers []v1.Hash) {
	a.change(func() { a.layers[image] = layers })
}

// Arrive says that a layer is in the layout, whole.
func (a *Arrivals) Arrive(layer v1.Hash) { a.change(func() { a.there[layer] = true }) }

func (a *Arrivals) change(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
	close(a.changed)
	a.changed = make(chan struct{})
}

// Of returns the layers of an image, from the lowest on, when they are known.
func (a *Arrivals) Of(ctx context.Context, image v1.Hash) (layers []v1.Hash, err error) {
	err = a.wait(ctx, func() (known bool) {
		layers, known = a.layers[image]
		return known
	})
	return layers, err
}

// Wait returns when a layer is in the layout.
func (a *Arrivals) Wait(ctx context.Context, layer v1.Hash) error {
	return a.wait(ctx, func() bool { return a.there[layer] })
}

// wait returns when is says yes. The error is the cause of ctx's end.
func (a *Arrivals) wait(ctx context.Context, is func() bool) error {
	for {
		a.mu.Lock()
		yes, changed := is(), a.changed
		a.mu.Unlock()
		if yes {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Release forgets an image, and returns those of its layers that no other image has.
func (a *Arrivals) Release(image v1.Hash) (unused []v1.Hash) {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := a.layers[image]
	delete(a.layers, image)
	for _, layer := range mine {
		used := false
		for _, others := range a.layers {
			used = used || slices.Contains(others, layer)
		}
		if !used && !slices.Contains(unused, layer) {
			unused = append(unused, layer)
		}
	}
	return unused
}
