package attest_test

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestTagMoved: a tag that another push has moved is a warning, and what cannot be seen is none.
func TestTagMoved(t *testing.T) {
	t.Parallel()
	other := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("9", 64)}
	for name, c := range map[string]struct {
		now  v1.Hash
		fail error
		want string
	}{
		"moved":   {now: other, want: "level=WARN msg=\"ghcr.io/acme/app:v1 has moved while this ran"},
		"stays":   {},
		"unknown": {fail: errors.New("no answer"), want: "level=INFO msg=\"could not see whether the tag has moved\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			w.moved = c.now
			if c.fail != nil {
				w.fail["digest of"] = c.fail
			}
			if _, err := w.run(t, nil); err != nil {
				t.Fatal(err)
			}
			log := w.log.String()
			if !strings.Contains(log, c.want) || (c.want == "") == strings.Contains(log, "moved") {
				t.Errorf("the log lacks %q:\n%s", c.want, log)
			}
		})
	}
}
