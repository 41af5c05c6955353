package attest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// sealed are the images that a run sealed, with their tags.
func sealed(res *attest.Result) []string {
	var out []string
	for _, s := range res.Seals {
		if s.Err == nil && s.Signature() != nil && s.Attestation() != nil {
			out = append(out, s.Subject.Ref.Context().RepositoryStr()+":"+strings.Join(s.Subject.Tags, ","))
		}
	}
	return out
}

// TestTagsOfOneDigest: two tags of one digest are one image.
func TestTagsOfOneDigest(t *testing.T) {
	t.Parallel()
	w := worldOf(map[string]*attest.Subject{
		repository + ":1.2": single(), repository + ":1.2.3": single(), repository + ":other": plain("b"),
		single().Ref.String(): single(), repository + ":latest": single(),
	})
	res, err := w.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/app:1.2,1.2.3,latest", "acme/app:other"}, sealed(res)); diff != "" {
		t.Errorf("sealed (-want +got):\n%s", diff)
	}
	golden.Compare(t, "runs/tags-of-one-digest.txt", w.trace())
}

// TestOneDigestInTwoRepositories: it is cataloged once and sealed in each.
func TestOneDigestInTwoRepositories(t *testing.T) {
	t.Parallel()
	w := worldOf(map[string]*attest.Subject{"ghcr.io/acme/a:v1": in("ghcr.io/acme/a", two()), "quay.io/acme/b:v1": in("quay.io/acme/b", two())})
	res, err := w.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/a:v1", "acme/b:v1"}, sealed(res)); diff != "" {
		t.Errorf("sealed (-want +got):\n%s", diff)
	}
	golden.Compare(t, "runs/one-digest-in-two-repositories.txt", w.trace())
	first, second := res.Seals[0].SBOMs, res.Seals[1].SBOMs
	for i := range first {
		if first[i].Packages != second[i].Packages || second[i].Image.Ref.Context().Name() != "quay.io/acme/b" {
			t.Errorf("SBOM %d of the second = %+v", i, second[i].Image)
		}
		if diff := cmp.Diff(first[i].Documents, second[i].Documents); diff != "" {
			t.Errorf("documents of %d (-first +second):\n%s", i, diff)
		}
	}

	// Sealed before in the second alone: only its documents are the older ones.
	w.store = slices.DeleteFunc(w.store, func(s stored) bool { return s.about.RegistryStr() == "ghcr.io" })
	w.created = tomorrow
	if res, err = w.run(t, nil); err != nil {
		t.Fatal(err)
	}
	for i, s := range res.Seals {
		for _, doc := range s.SBOMs {
			if strings.Contains(string(doc.Documents[0].Bytes), tomorrow) != (i == 0) {
				t.Errorf("image %d has %s", i, doc.Documents[0].Bytes)
			}
		}
	}
}

// TestSharedPlatform: an image that is part of two indexes is downloaded and cataloged once.
func TestSharedPlatform(t *testing.T) {
	t.Parallel()
	full, small := two(), index(image("b", "arm64"), image("c", "riscv64"))
	small.Ref = small.Ref.Context().Digest("sha256:" + strings.Repeat("e", 64))
	w := worldOf(map[string]*attest.Subject{repository + ":full": full, repository + ":small": small})
	if _, err := w.run(t, dry); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "runs/shared-platform.txt", w.trace())
}

// several are four images, each in a repository of its own.
func several() *world {
	return worldOf(map[string]*attest.Subject{
		"ghcr.io/acme/a:v1": in("ghcr.io/acme/a", plain("a")), "ghcr.io/acme/b:v1": in("ghcr.io/acme/b", plain("b")),
		"ghcr.io/acme/c:v1": in("ghcr.io/acme/c", plain("c")), "quay.io/acme/d:v1": in("quay.io/acme/d", plain("d")),
	})
}

// TestOneOfSeveralFails: the others are sealed all the same, and the run fails with its
// reason. Nothing is done for the one any more.
func TestOneOfSeveralFails(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]string{
		"check-push": "check-push ghcr.io/acme/b",
		"resolve":    "resolve ghcr.io/acme/b",
		"download":   "download b",
		"catalog":    "catalog b",
		"find":       "find b",
		"sign":       "sign b",
		"attach":     "attach ghcr.io/acme/b",
		"read-back":  "read-back 4 of ghcr.io/acme/b",
		"verify":     "verify att of b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := several()
			cause := denied("No " + name + ".")
			w.fail[call] = cause
			res, err := w.run(t, nil)
			if !errors.Is(err, cause) {
				t.Errorf("error %v", err)
			}
			goldenProblem(t, "one-of-several-"+name, err)
			if diff := cmp.Diff([]string{"acme/a:v1", "acme/c:v1", "acme/d:v1"}, sealed(res)); diff != "" {
				t.Errorf("sealed (-want +got):\n%s", diff)
			}
			calls := w.made()
			at := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, call) })
			after := calls[at+1:]
			for name == "verify" && len(after) > 0 && strings.HasPrefix(after[0], name) {
				after = after[1:] // side by side
			}
			for _, c := range after {
				if words := strings.Fields(c); slices.Contains(words, "b") || strings.Contains(c, "acme/b") {
					t.Errorf("after that, there is %q", c)
				}
			}
		})
	}
}

// TestSeveralFail: the error lists every reason, and each advice once.
func TestSeveralFail(t *testing.T) {
	t.Parallel()
	w := several()
	w.fail["check-push ghcr.io/acme/a"] = denied("No push to ghcr.io/acme/a:v1.")
	w.fail["resolve ghcr.io/acme/b"] = &problem.Problem{Code: problem.ImageNotFound, What: "There is no image ghcr.io/acme/b:v1.", Why: "404.", Fix: "Push it."}
	w.fail["catalog c"] = errors.New("broken pipe")
	w.fail["check-push quay.io/acme/d"] = denied("No push to quay.")
	res, err := w.run(t, nil)
	goldenProblem(t, "several-fail", err)
	if got := sealed(res); len(got) > 0 || len(w.did("sign")) > 0 {
		t.Errorf("sealed %q", got)
	}
	for i, s := range res.Seals {
		if s.Err == nil {
			t.Errorf("image %d has no error", i)
		}
	}
}

// TestNoRightAnywhere: what nobody is left to do is not begun.
func TestNoRightAnywhere(t *testing.T) {
	t.Parallel()
	w := worldOf(map[string]*attest.Subject{repository + ":v1": single(), repository + ":v2": plain("b")})
	w.fail["check-push"] = denied("No push.")
	_, err := w.run(t, nil)
	goldenProblem(t, "no-right-anywhere", err)
	golden.Compare(t, "runs/no-right-anywhere.txt", w.trace())
}

// TestDryRunOfSeveral: the same without the writing.
func TestDryRunOfSeveral(t *testing.T) {
	t.Parallel()
	w := several()
	w.fail["check-push ghcr.io/acme/b"] = denied("No push.")
	w.fail["resolve ghcr.io/acme/c"] = &problem.Problem{Code: problem.ImageNotFound, What: "There is no image.", Why: "404.", Fix: "Push it."}
	_, err := w.run(t, dry)
	goldenProblem(t, "dry-run-of-several", err)
	golden.Compare(t, "runs/dry-run-of-several.txt", w.trace())
	golden.Compare(t, "logs/dry-run-of-several.log", w.log.Bytes())
}

// TestOneSBOMOfTwoImages: the user's document goes with one image, in however many places.
func TestOneSBOMOfTwoImages(t *testing.T) {
	t.Parallel()
	provided := func(r *attest.Request) { r.Provided = true }
	other := map[string]*attest.Subject{"ghcr.io/acme/b:v1": in("ghcr.io/acme/b", plain("b")), "ghcr.io/acme/c:v1": in("ghcr.io/acme/c", plain("c"))}
	w := worldOf(other)
	_, err := w.run(t, provided)
	goldenProblem(t, "one-sbom-of-two-images", err)
	if len(w.did("load"))+len(w.did("find")) > 0 {
		t.Errorf("calls %q", w.made())
	}

	// One that cannot be resolved does not hide that.
	other["ghcr.io/acme/a:v1"] = in("ghcr.io/acme/a", plain("a"))
	w = worldOf(other)
	w.fail["resolve ghcr.io/acme/a"] = denied("No.")
	if _, err := w.run(t, provided); problem.From(err).Code != problem.InputInvalid || len(w.did("sign")) > 0 {
		t.Errorf("error %v, calls %q", err, w.made())
	}

	w = worldOf(map[string]*attest.Subject{"ghcr.io/acme/a:v1": in("ghcr.io/acme/a", single()), "quay.io/acme/b:v1": in("quay.io/acme/b", single())})
	res, err := w.run(t, provided)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/a:v1", "acme/b:v1"}, sealed(res)); diff != "" {
		t.Errorf("sealed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"load a linux/amd64"}, w.did("load")); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
}
