package stack_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/root"

	"seal-image/internal/sandbox/stack"
)

// facts are what a client can find out of an answer. A lie is another one in some of them.
type facts map[string]any

// testFacts wants each lie of a service to differ from the truth in the named facts alone. Facts
// that are true or false are true in truth.
func testFacts(t *testing.T, service string, want map[string][]string, ask func(*testing.T, *stack.Job) facts) {
	t.Helper()
	truth := ask(t, newJob(t))
	for name, value := range truth {
		if value == false {
			t.Errorf("%s: false in truth", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t)
			lie(t, job, service, name)
			if diff := cmp.Diff(want[name], differences(truth, ask(t, job))); diff != "" {
				t.Errorf("what is not as in truth (-want +got):\n%s", diff)
			}
		})
	}
}

func differences(truth, lie facts) []string {
	var names []string
	for name := range truth {
		if !reflect.DeepEqual(truth[name], lie[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func trustedRoot(t *testing.T, job *stack.Job) *root.TrustedRoot {
	t.Helper()
	trusted, err := root.NewTrustedRootFromPath(job.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	return trusted
}

// rekorLog is the log of the trusted root that has a URL.
func rekorLog(t *testing.T, job *stack.Job, url string) *root.TransparencyLog {
	t.Helper()
	for _, log := range trustedRoot(t, job).RekorLogs() {
		if log.BaseURL == url {
			return log
		}
	}
	t.Fatalf("the trusted root has no log %s", url)
	return nil
}
