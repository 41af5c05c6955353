package sbom_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seal-image/internal/confine"
)

// The names of children, by what is missing of their confinement. The first has none but another user.
const (
	unconfined      = "unconfined"
	withoutBoth     = "without landlock and seccomp"
	withoutLandlock = "without landlock"
	whole           = "seal-image"
)

var strengths = []string{unconfined, withoutBoth, withoutLandlock, whole}

// The child is refused all that hostile code would try. Without Landlock it can use the files that
// everybody may; as another user alone, nothing of the parent's. Not parallel: it changes what this process is.
func TestChildIsRefused(t *testing.T) {
	handle, err := os.Open("cataloger.go")
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	results := map[string]map[string]string{}
	for _, strength := range strengths {
		if _, err := unix.FcntlInt(handle.Fd(), unix.F_SETFD, 0); err != nil { // as if we had got it ourselves
			t.Fatal(err)
		}
		if strength != unconfined {
			if err := confine.Parent(); err != nil {
				t.Fatal(err)
			}
		}
		work := workDir(t)
		layout := smallLayout(t, work)
		newPrey(t, layout)
		cat := cataloger(work)
		cat.Name = strength
		doc, err := catalogs(t.Context(), cat, layout, imageOf(t, "attack", someDigest))
		if err != nil {
			t.Fatal(err)
		}
		results[strength] = resultsOf(t, only(t, doc))
	}
	checkResults(t, results, harmless, atFiles)
	for _, name := range atParent {
		if os.Geteuid() == 0 && results[withoutBoth][name] == "" {
			t.Errorf("as another user alone, the child can %s", name)
		}
	}
}

func resultsOf(t *testing.T, document []byte) (r map[string]string) {
	t.Helper()
	if err := json.Unmarshal(document, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// checkResults: nothing works for a whole child, of what works for one that is not confined; what works without
// Landlock is known.
func checkResults(t *testing.T, results map[string]map[string]string, harmless, withoutLandlockWorks []string) {
	t.Helper()
	var table strings.Builder
	row := func(name string, cells ...string) {
		fmt.Fprintf(&table, "%-36.36s %-26.26s %-26.26s %-26.26s %s\n", name, cells[0], cells[1], cells[2], cells[3])
	}
	row("attack", "another user alone", "no Landlock, no seccomp", "no Landlock", "all")
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range results[whole] {
			if !yield(name) {
				return
			}
		}
	}) {
		var cells []string
		for _, strength := range strengths {
			cells = append(cells, outcome(results[strength][name]))
		}
		row(name, cells...)
		if results[whole][name] == "" {
			t.Errorf("the child can %s", name)
		}
		if slices.Contains(harmless, name) && results[unconfined][name] != "" {
			t.Errorf("nobody can %s, so that the child cannot says nothing: %s", name, results[unconfined][name])
		}
		if works := results[withoutLandlock][name] == ""; works != slices.Contains(withoutLandlockWorks, name) {
			t.Errorf("without Landlock, whether the child can %s is %v", name, works)
		}
	}
	t.Log("\n" + table.String())
}

func outcome(err string) string {
	if err == "" {
		return "WORKS"
	}
	if i := strings.LastIndex(err, ": "); i >= 0 {
		err = err[i+2:]
	}
	return err
}
