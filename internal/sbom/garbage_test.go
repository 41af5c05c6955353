package sbom_test

import (
	"testing"

	"seal-image/internal/sbom"
)

// TestPercentOf: a heap grows to its room before garbage is collected, and a larger one by three
// quarters.
func TestPercentOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		inUse, room uint64
		want        int
	}{
		"at the start":       {0, 64 << 20, 1500},
		"little":             {1 << 20, 64 << 20, 1500},
		"half of the room":   {32 << 20, 64 << 20, 100},
		"most of the room":   {60 << 20, 64 << 20, 75},
		"all of the room":    {64 << 20, 64 << 20, 75},
		"more than the room": {8 << 30, 64 << 20, 75},
		"much room":          {16 << 20, 320 << 20, 1900},
	} {
		if got := sbom.PercentOf(tt.inUse, tt.room); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
