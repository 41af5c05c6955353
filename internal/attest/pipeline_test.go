package attest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

func bundlesOnly(r *attest.Request) { r.Sign.Format = attest.Bundles }
func legacyOnly(r *attest.Request)  { r.Sign.Format = attest.Legacy }
func dry(r *attest.Request)         { r.DryRun = true }
func proven(r *attest.Request)      { r.Provenance = true }

// TestRun: every call of a run, in order.
func TestRun(t *testing.T) {
	t.Parallel()
	every := []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON, attest.SyftJSON, attest.SPDXTagValue}
	chosen := two()
	chosen.Images = chosen.Images[:1]
	for name, tt := range map[string]struct {
		subject *attest.Subject
		formats []attest.Format
		change  func(r *attest.Request)
	}{
		"plain":           {subject: single()},
		"plain-bundle":    {subject: single(), change: bundlesOnly},
		"plain-legacy":    {subject: single(), change: legacyOnly},
		"plain-formats":   {subject: single(), formats: every},
		"index-of-one":    {subject: index(image("a", "amd64"))},
		"index-of-two":    {subject: two()},
		"index-bundle":    {subject: two(), change: bundlesOnly},
		"index-legacy":    {subject: two(), change: legacyOnly},
		"index-selected":  {subject: chosen},
		"no-index-format": {subject: two(), formats: []attest.Format{attest.SyftJSON}, change: bundlesOnly},
		"documents": {subject: two(), formats: every[:2], change: func(r *attest.Request) {
			r.Sign.Attest, r.Sign.Format = false, attest.Bundles
			r.AttachReferrer, r.AttachTag = true, true
		}},
		"documents-of-index-of-one": {subject: index(image("a", "amd64")), formats: every[1:], change: func(r *attest.Request) {
			r.AttachReferrer, r.AttachTag = true, true
		}},
		"without-sbom-not-recursive": {subject: two(), change: func(r *attest.Request) { r.SBOM, r.Sign.Recursive = false, false }},
		"expected": {subject: single(), change: func(r *attest.Request) {
			r.SBOM = false
			r.Images[0].Digest = v1.Hash{Algorithm: "sha256", Hex: "abc"}
			r.Platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}}
		}},
		"provided":       {subject: single(), change: func(r *attest.Request) { r.Provided = true }},
		"provided-index": {subject: two(), change: func(r *attest.Request) { r.Provided, r.PerPlatform = true, true }},
		"dry-run":        {subject: two(), change: dry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(tt.subject)
			if tt.formats != nil {
				w.formats = tt.formats
			}
			res, err := w.run(t, tt.change)
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "runs/"+name+".txt", w.trace())
			if len(res.Seals) != 1 || res.Identity != identity {
				t.Fatalf("Result = %+v", res)
			}
			s := res.Seals[0]
			if s.Subject.Ref != tt.subject.Ref || s.Subject.Tags[0] != "v1" {
				t.Errorf("Subject = %+v", s.Subject)
			}
			for i, doc := range s.SBOMs {
				if i < len(tt.subject.Images) && doc.Image.Ref != tt.subject.Images[i].Ref {
					t.Errorf("SBOM %d is of %s", i, doc.Image.Ref)
				}
			}
		})
	}
}

// TestRunStops: after each kind of failure nothing more happens, and the Result has what
// is public by then.
func TestRunStops(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail                     string
		last                     string // how the last call begins
		bundles, planned, stored int
		wraps                    string
	}{
		"identity":       {"check-identity", "check-identity", 0, 0, 0, "check identity: "},
		"push":           {"check-push", "check-push ghcr.io/acme/app", 0, 0, 0, "check push to ghcr.io/acme/app: "},
		"resolve":        {"resolve", "resolve ghcr.io/acme/app:v1", 0, 0, 0, "resolve ghcr.io/acme/app:v1: "},
		"download":       {"download", "download a b to layout", 0, 0, 0, "download ghcr.io/acme/app@sha256:"},
		"catalog":        {"catalog", "catalog", 0, 0, 0, "catalog linux/"},
		"services":       {"check-services", "check-services", 0, 0, 0, "find the services that sign: "},
		"find":           {"find a", "find a", 0, 0, 0, "look for attachments of ghcr.io/acme/app@sha256:aaa"},
		"describe":       {"index", "index f of 2", 0, 0, 0, "describe index ghcr.io/acme/app@sha256:fff"},
		"sign":           {"sign", "sign", 4, 7, 0, "sign ghcr.io/acme/app@sha256:"},
		"attach":         {"attach", "attach", 9, 11, 1, "attach to ghcr.io/acme/app@sha256:"},
		"read back":      {"read-back", "read-back 12", 9, 0, 12, "read back from ghcr.io/acme/app@sha256:fff"},
		"verify in full": {"verify", "verify", 9, 0, 12, "verify ghcr.io/acme/app@sha256:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(two())
			w.signs, w.stores = 4, 1
			cause := &problem.Problem{Code: problem.AttachFailed, What: "No."}
			w.fail[tt.fail] = cause

			res, err := w.run(t, nil)
			if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), tt.wraps) {
				t.Errorf("error %v, want the cause behind %q", err, tt.wraps)
			}
			made := w.made()
			if got := made[len(made)-1]; !strings.HasPrefix(got, tt.last) {
				t.Errorf("the last call is %q, want %q", got, tt.last)
			}
			if tt.bundles == 0 && len(w.did("sign")) > 0 {
				t.Errorf("something was signed: %q", made)
			}
			bundles, states := 0, map[attest.State]int{}
			for _, s := range res.Seals {
				bundles += len(s.Bundles)
				for _, a := range s.Attachments {
					states[a.State]++
				}
			}
			if bundles != tt.bundles || states[attest.Planned] != tt.planned || states[attest.New] != tt.stored {
				t.Errorf("%d bundles, attachments %v in the Result, want %d bundles, %d planned, %d new", bundles, states, tt.bundles, tt.planned, tt.stored)
			}
		})
	}
}

// TestRunCancelled: a run that is cancelled in a step ends with the cause, and nothing is
// asked of the world any more.
func TestRunCancelled(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"check-identity", "check-push", "resolve", "check-services", "download", "catalog", "find", "index", "sign", "attach", "read-back",
	} {
		for _, ended := range []string{"with an error", "in the meantime"} {
			t.Run(call+" "+ended, func(t *testing.T) {
				t.Parallel()
				w := worldOf(map[string]*attest.Subject{
					"ghcr.io/acme/a:v1": in("ghcr.io/acme/a", index(image("a", "amd64"), image("b", "arm64"), image("c", "riscv64"))),
					"ghcr.io/acme/b:v1": in("ghcr.io/acme/b", index(image("d", "amd64"), image("e", "arm64"))),
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				cause := errors.New("stopped from outside")
				w.on[call] = func() { cancel(cause) }
				if ended == "with an error" {
					w.fail[call] = fmt.Errorf("it was under way: %w", context.Canceled)
				}
				res, err := w.runWith(ctx, t, nil)
				if !errors.Is(err, cause) || errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want the cause", err)
				}
				after := w.made()
				for len(after) > 0 && !strings.HasPrefix(after[0], call) {
					after = after[1:]
				}
				rest := slices.DeleteFunc(after[1:], func(later string) bool {
					return (call == "catalog" && strings.HasPrefix(later, call) && len(w.did(call)) <= 2) || // side by side
						// What was stored is looked at before the step ends.
						(call == "attach" && strings.HasPrefix(later, "read-back") && strings.HasSuffix(later, "acme/a")) || strings.HasPrefix(later, "verify")
				})
				if len(rest) > 0 {
					t.Errorf("calls after that: %q", rest)
				}
				if signed := len(w.did("sign")) > 0; signed != (len(res.Seals) > 0 && len(res.Seals[0].Bundles) > 0) && ended == "in the meantime" {
					t.Errorf("signed %t, and the Result does not say so", signed)
				}
			})
		}
	}
}

// TestRunCancelledDry: the same where missing rights are excused.
func TestRunCancelledDry(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped from outside")
	w.on["check-identity"] = func() { cancel(cause) }
	w.fail["check-identity"] = denied("No.")
	if _, err := w.runWith(ctx, t, dry); !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
	if got := w.made(); len(got) != 1 {
		t.Errorf("calls %q", got)
	}
}

func TestRunEmptySBOM(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.packages = 0
	_, err := w.run(t, nil)
	goldenProblem(t, "empty-sbom", err)
	if len(w.did("sign"))+len(w.did("attach")) > 0 {
		t.Errorf("calls %q", w.made())
	}

	res, err := w.run(t, func(r *attest.Request) { r.AllowEmptySBOM = true })
	if err != nil || len(res.Seals[0].Attachments) != 4 {
		t.Errorf("allowed: error %v, attachments %v", err, res.Seals[0].Attachments)
	}
}

func TestRunUnsupported(t *testing.T) {
	t.Parallel()
	artifact := single()
	artifact.ArtifactType, artifact.Images[0].Platform = "application/vnd.cncf.helm.config.v1+json", v1.Platform{}
	windows := index(image("a", "amd64"), image("b", "amd64"))
	windows.Images[1].Platform = v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348"}
	for name, subject := range map[string]*attest.Subject{"artifact": artifact, "windows": windows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(subject)
			_, err := w.run(t, nil)
			goldenProblem(t, name, err)
			if len(w.did("download"))+len(w.did("sign")) > 0 {
				t.Errorf("calls %q", w.made())
			}

			res, err := w.run(t, func(r *attest.Request) { r.SBOM = false })
			if err != nil || res.Seals[0].Signature() == nil || len(w.did("catalog")) > 0 {
				t.Errorf("without SBOM: error %v, calls %q", err, w.made())
			}
			golden.Compare(t, "logs/"+name+".log", w.log.Bytes())
		})
	}
}

// TestDryRunExcuses: what a pull request from a fork lacks is a warning, all else fails.
func TestDryRunExcuses(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.fail["check-identity"] = &problem.Problem{Code: problem.IDTokenPermission, What: "No token.", Why: "It is a fork."}
	w.fail["check-push"] = denied("No push.")
	res, err := w.run(t, dry)
	if err != nil {
		t.Fatal(err)
	}
	s := res.Seals[0]
	if len(s.SBOMs) != 1 || s.Bundles != nil || s.Attachments != nil || s.Signature() != nil {
		t.Errorf("Seal = %+v", s)
	}
	golden.Compare(t, "logs/dry-run-excused.log", w.log.Bytes())

	for _, code := range []problem.Code{problem.IDTokenPermission, problem.RegistryLogin, problem.RegistryDenied, problem.PrivateRepository, problem.IDTokenRequest, problem.TrustRoot, problem.RegistryUnavailable} {
		excused := code == problem.IDTokenPermission || code == problem.RegistryLogin || code == problem.RegistryDenied || code == problem.PrivateRepository
		for _, call := range []string{"check-identity", "check-push", "resolve", "check-services", "download", "catalog"} {
			w := newWorld(single())
			cause := &problem.Problem{Code: code, What: "No."}
			w.fail[call] = cause
			res, err := w.run(t, dry)
			want := excused && strings.HasPrefix(call, "check-")
			if (err == nil) != want || (err != nil && !errors.Is(err, cause)) {
				t.Errorf("%s fails with %s, and the dry run says %v", call, code, err)
			}
			if call == "check-services" && res.Identity != (attest.Identity{}) {
				t.Errorf("nobody may sign, and the result names %v", res.Identity)
			}
			if _, err := w.run(t, nil); !errors.Is(err, cause) {
				t.Errorf("%s fails with %s, and the run says %v", call, code, err)
			}
		}
	}
}

// TestRunLog: the lines that people read.
func TestRunLog(t *testing.T) {
	t.Parallel()
	w := newWorld(index(image("a", "amd64")))
	w.formats = []attest.Format{attest.SPDXJSON, attest.CycloneDXJSON}
	change := func(r *attest.Request) { r.AttachReferrer = true }
	if _, err := w.run(t, change); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "logs/run.log", w.log.Bytes())
	if _, err := w.run(t, change); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "logs/again.log", w.log.Bytes())

	w = newWorld(single())
	if _, err := w.run(t, func(r *attest.Request) { r.Provided = true }); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "logs/provided.log", w.log.Bytes())
}
