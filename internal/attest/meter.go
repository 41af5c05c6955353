package attest

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// A Unit is what a step has more of as it goes on.
type Unit string

// The units.
const (
	Downloaded Unit = "downloaded" // bytes
	Layers     Unit = "layers"
	Platforms  Unit = "platforms cataloged"
	Logged     Unit = "log entries"
	Uploads    Unit = "uploads" // blobs and manifests
)

// meter is how far a step is.
type meter struct {
	mu     sync.Mutex
	counts []*tally // in the order in which they began
}

type tally struct {
	unit     Unit
	done, of int64 // of is 0 where the end is not known
}

type meterKey struct{}

// step opens a section of the log, which tells while it is open how far it is: what
// [Advance] counts with the context that is returned.
func (p *Pipeline) step(ctx context.Context, title string) (counted context.Context, done func()) {
	m := &meter{}
	return context.WithValue(ctx, meterKey{}, m), p.Progress.Step(title, m.String)
}

// Advance counts, for the step that ctx is of: so many more are done, and so many more are to
// be expected. It is for those at work, at any moment, and does nothing where no step is open.
func Advance(ctx context.Context, unit Unit, done, expected int64) {
	m, ok := ctx.Value(meterKey{}).(*meter)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.counts {
		if c.unit == unit {
			c.done, c.of = c.done+done, c.of+expected
			return
		}
	}
	m.counts = append(m.counts, &tally{unit, done, expected})
}

// String is e.g. "3.0 of 40.0 MiB downloaded, 1 of 4 layers"; empty while nothing is counted.
func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	parts := make([]string, len(m.counts))
	for i, c := range m.counts {
		parts[i] = c.String()
	}
	return strings.Join(parts, ", ")
}

func (c *tally) String() string {
	switch {
	case c.unit == Downloaded:
		const mib = 1 << 20
		return fmt.Sprintf("%.1f of %.1f MiB %s", float64(min(c.done, c.of))/mib, float64(c.of)/mib, c.unit)
	case c.of == 0:
		return fmt.Sprintf("%d %s", c.done, c.unit)
	}
	return fmt.Sprintf("%d of %d %s", min(c.done, c.of), c.of, c.unit)
}
