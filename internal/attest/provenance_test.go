package attest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

// attempt is a run of the workflow of identity.
func attempt(n int) attest.Run {
	return attest.Run{
		Path:    ".github/workflows/release.yml",
		Builder: "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
		Event:   "push", RepositoryID: "74", OwnerID: "65", Environment: "github-hosted",
		InvocationURI: fmt.Sprintf("https://github.com/acme/app/actions/runs/1658821493/attempts/%d", n),
	}
}

// proof is the provenance of the first attempt of a run.
func proof(t *testing.T, id attest.Identity) []byte {
	t.Helper()
	id.Run = attempt(1)
	encoded, err := attest.Provenance(id)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// TestProvenance compares predicates with files. They are, to the byte, what attestProvenance
// of @actions/attest (packages/attest/src/provenance.ts in actions/toolkit) makes of the same
// claims; internal/matrix asks it. The differences are on purpose: our path of the workflow
// does not end at its first @, of which the build type warns; an empty claim is a missing one;
// a workflow of another repository is refused, where its path has that repository in it; and
// any server may be GitHub's, where it knows github.com and ghe.com.
func TestProvenance(t *testing.T) {
	t.Parallel()
	of := func(change func(*attest.Identity)) attest.Identity {
		id := attest.Identity{
			SAN:        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
			Repository: "acme/app", RepositoryURI: "https://github.com/acme/app", Ref: "refs/heads/main",
			SHA: strings.Repeat("c0", 20), Run: attempt(1),
		}
		change(&id)
		return id
	}
	for name, id := range map[string]attest.Identity{
		"push": of(func(*attest.Identity) {}),
		"reusable": of(func(id *attest.Identity) {
			id.Run.Builder = "https://github.com/acme/shared/.github/workflows/publish.yml@refs/tags/v1"
		}),
		"enterprise-server": of(func(id *attest.Identity) {
			id.RepositoryURI, id.Ref = "https://ghe.acme.dev/acme/app", "refs/tags/v1.2.3"
			id.Run.Builder = "https://ghe.acme.dev/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"
			id.Run.InvocationURI = "https://ghe.acme.dev/acme/app/actions/runs/7/attempts/2"
			id.Run.Event, id.Run.Environment = "release", "self-hosted"
		}),
		"foreign-text": of(func(id *attest.Identity) {
			id.Ref = "refs/heads/\"},\"x\":{\"größe <&>\u2028\\"
			id.Run.Path = ".github/workflows/a@b \"c\".yml"
			id.Run.Event = "\n"
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := attest.Provenance(id)
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "provenance/"+name+".json", append(slices.Clone(got), '\n'))
			if again, err := attest.Provenance(id); err != nil || !bytes.Equal(got, again) {
				t.Errorf("a second time: %s, %v", again, err)
			}
			checkProvenance(t, got, id)
		})
	}
}

// checkProvenance reads the predicate by the schema of the build type, which has no other
// fields.
func checkProvenance(t *testing.T, predicate []byte, id attest.Identity) {
	t.Helper()
	want := map[string]any{
		"buildDefinition": map[string]any{
			"buildType": "https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters": map[string]any{
				"workflow": map[string]any{"ref": id.Ref, "repository": id.RepositoryURI, "path": id.Run.Path},
			},
			"internalParameters": map[string]any{
				"github": map[string]any{
					"event_name": id.Run.Event, "repository_id": id.Run.RepositoryID,
					"repository_owner_id": id.Run.OwnerID, "runner_environment": id.Run.Environment,
				},
			},
			"resolvedDependencies": []any{
				map[string]any{"uri": "git+" + id.RepositoryURI + "@" + id.Ref, "digest": map[string]any{"gitCommit": id.SHA}},
			},
		},
		"runDetails": map[string]any{
			"builder":  map[string]any{"id": id.Run.Builder},
			"metadata": map[string]any{"invocationId": id.Run.InvocationURI},
		},
	}
	var got map[string]any
	if err := json.Unmarshal(predicate, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("predicate (-want +got):\n%s", diff)
	}
}

// TestProvenanceOfNothing: a Signer that does not name the run signs nothing that says so.
func TestProvenanceOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	if _, err := w.run(t, proven); err == nil || len(w.made()) != 1 {
		t.Errorf("error %v after %q", err, w.made())
	}
}

// TestRunProvenance: it is signed, stored and read back as an SBOM is, before the signature
// of the digest that the user named.
func TestRunProvenance(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		subject *attest.Subject
		change  func(*attest.Request)
	}{
		"plain":        {single(), func(*attest.Request) {}},
		"plain-legacy": {single(), legacyOnly},
		"index":        {two(), bundlesOnly},
		"alone":        {index(image("a", "amd64")), func(r *attest.Request) { r.SBOM, r.Sign.Recursive = false, false }},
		"dry-run":      {single(), dry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(tt.subject)
			w.job = attempt(1)
			res, err := w.run(t, func(r *attest.Request) { proven(r); tt.change(r) })
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "runs/provenance-"+name+".txt", w.trace())
			if a := res.Seals[0].Attestation(); a != nil && a.Bundle.Statement.IsProvenance() {
				t.Error("the provenance counts as the SBOM attestation")
			}
			if name == "plain" {
				golden.Compare(t, "logs/provenance.log", w.log.Bytes())
			}
		})
	}
}

// TestRunProvenanceAgain: the same attempt finds its provenance; another attempt is another
// run to tell of, and signs that alone.
func TestRunProvenanceAgain(t *testing.T) {
	t.Parallel()
	for _, format := range []attest.SignatureFormat{attest.Both, attest.Bundles, attest.Legacy} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			w := newWorld(two())
			change := func(r *attest.Request) { proven(r); r.Sign.Format = format }
			for i, tt := range []struct {
				attempt int
				signs   bool
			}{{1, true}, {1, false}, {2, true}, {2, false}, {1, false}} {
				w.job = attempt(tt.attempt)
				if _, err := w.run(t, change); err != nil {
					t.Fatal(err)
				}
				var want []string
				if tt.signs {
					want = []string{"sign f provenance"}
				}
				if got := w.did("sign"); i > 0 && !slices.Equal(got, want) {
					t.Errorf("run %d, of attempt %d: %q, want %q", i, tt.attempt, got, want)
				}
			}
		})
	}
}
