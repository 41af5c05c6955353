package runner

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// handler writes records as lines of the job's log: "message  key=value key=value".
// The action has no use for groups and fixed attributes, so there are none.
type handler struct {
	mu       sync.Mutex
	out      io.Writer
	debug    bool
	prefixes map[slog.Level]string // that say the level of a line
	commands bool                  // the prefixes are commands of the runner
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level > slog.LevelDebug || h.debug
}

// Handle implements [slog.Handler].
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	sep := "  "
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, "%s%s=%s", sep, a.Key, a.Value.Resolve())
		sep = " "
		return true
	})
	line := Escape(b.String())
	if h.commands && h.prefixes[r.Level] != "" {
		line = strings.ReplaceAll(line, "%", "%25")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintln(h.out, h.prefixes[r.Level]+line)
	return err
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(string) slog.Handler { return h }
