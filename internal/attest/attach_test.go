package attest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
)

// states are those of the attachments of the only image.
func states(res *attest.Result) []string {
	var out []string
	for _, a := range res.Seals[0].Attachments {
		out = append(out, attachment(a)+": "+string(a.State))
	}
	return out
}

// TestTagsRefused: a registry that refuses cosign's tags stops only those who need them.
func TestTagsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*attest.Request)
		passes bool
		want   []string
	}{
		"both":   {nil, true, []string{"spdx as bundle: new", "spdx as att: skipped", "signature as bundle: new", "old-signature as sig: skipped"}},
		"bundle": {bundlesOnly, true, []string{"spdx as bundle: new", "signature as bundle: new"}},
		"both with referrers": {func(r *attest.Request) { r.AttachReferrer = true }, true, []string{
			"spdx as bundle: new", "spdx as att: skipped", "signature as bundle: new", "old-signature as sig: skipped", "spdx-json as referrer: new",
		}},
		"legacy": {legacyOnly, false, []string{"spdx as att: planned", "old-signature as sig: planned"}},
		"both with a tag that was asked for": {func(r *attest.Request) { r.AttachTag = true }, false, []string{
			"spdx as bundle: new", "spdx as att: planned", "signature as bundle: new", "old-signature as sig: planned", "spdx-json as tag: planned",
		}},
		"bundle with a tag that was asked for": {func(r *attest.Request) { r.AttachTag, r.Sign.Format = true, attest.Bundles }, false, []string{
			"spdx as bundle: new", "signature as bundle: new", "spdx-json as tag: planned",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			w.fail["tags"] = refused()
			res, err := w.run(t, tt.change)
			if diff := cmp.Diff(tt.want, states(res)); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if warned := strings.Contains(w.log.String(), "WARN"); warned != (tt.passes && name != "bundle") {
				t.Errorf("warned: %t\n%s", warned, &w.log)
			}
			if !tt.passes {
				goldenProblem(t, "tags-refused", err)
				if len(w.did("read-back")) > 0 {
					t.Errorf("calls %q", w.made())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a := res.Seals[0].Signature(); a == nil || a.Form != attest.FormBundle {
				t.Errorf("Signature() = %+v", a)
			}
			if name == "both" {
				golden.Compare(t, "logs/tags-refused.log", w.log.Bytes())
				if diff := cmp.Diff([]string{"read-back 2 of ghcr.io/acme/app"}, w.did("read-back")); diff != "" {
					t.Errorf("read back (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestOtherRefusals: no other failure of Attach is forgiven.
func TestOtherRefusals(t *testing.T) {
	t.Parallel()
	for _, code := range []problem.Code{problem.ReferrersRefused, problem.AttachFailed, problem.RegistryDenied} {
		w := newWorld(single())
		w.stores = 2
		cause := &problem.Problem{Code: code, What: "No."}
		w.fail["attach"] = cause
		res, err := w.run(t, nil)
		if !errors.Is(err, cause) {
			t.Errorf("%s: error %v", code, err)
		}
		want := []string{"spdx as bundle: new", "spdx as att: new", "signature as bundle: planned", "old-signature as sig: planned"}
		if diff := cmp.Diff(want, states(res)); diff != "" {
			t.Errorf("%s: states (-want +got):\n%s", code, diff)
		}
	}
}

// TestReadBackOtherBytes: what the registry serves is compared, form by form.
func TestReadBackOtherBytes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*attest.Stored){
		"bundle":    func(s *attest.Stored) { s.Content = append([]byte(" "), s.Content...) },
		"referrer":  func(s *attest.Stored) { s.Content = append([]byte(" "), s.Content...) },
		"tag":       func(s *attest.Stored) { s.Content = nil },
		"sig":       func(s *attest.Stored) { s.Layer.Content = append([]byte(" "), s.Layer.Content...) },
		"signature": func(s *attest.Stored) { s.Layer.Signature += "x" },
		"att":       func(s *attest.Stored) { s.Layer.Content = append([]byte(" "), s.Layer.Content...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := attest.Form(name)
			if name == "signature" {
				form = attest.FormSig
			}
			w := newWorld(single())
			w.served = func(s attest.Stored) attest.Stored {
				if s.Form == form {
					change(&s)
				}
				return s
			}
			res, err := w.run(t, func(r *attest.Request) { r.AttachReferrer, r.AttachTag = true, true })
			goldenProblem(t, "read-back-missing-"+string(form), err)
			if len(res.Seals[0].Bundles) != 3 || len(res.Seals[0].Attachments) != 6 {
				t.Errorf("%d bundles, %d attachments", len(res.Seals[0].Bundles), len(res.Seals[0].Attachments))
			}
		})
	}
}

// TestReadBackNotValid: what is served as it was stored is verified all the same.
func TestReadBackNotValid(t *testing.T) {
	t.Parallel()
	for _, form := range []attest.Form{attest.FormBundle, attest.FormSig, attest.FormAtt} {
		w := newWorld(single())
		cause := &problem.Problem{Code: problem.BundleInvalid, What: "No."}
		w.fail["verify "+string(form)] = cause
		if _, err := w.run(t, nil); !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "verify ghcr.io/acme/app@sha256:") {
			t.Errorf("%s: error %v", form, err)
		}
	}
}
