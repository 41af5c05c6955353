package sigstore_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
	"seal-image/internal/sigstore"
)

// runClaims are claims with those of the run.
func runClaims(changes map[string]any) map[string]any {
	c := claims(map[string]any{
		"workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main", "event_name": "push",
		"repository_id": "74", "repository_owner_id": "65", "runner_environment": "github-hosted",
		"run_id": "1658821493", "run_attempt": "1",
	})
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// addRun adds what Fulcio writes of the run, if the claims have it.
func addRun(template *x509.Certificate, claims map[string]any) error {
	has := func(name string) string { text, _ := claims[name].(string); return text }
	if has("run_id") == "" {
		return nil
	}
	for arc, value := range map[int]string{
		11: has("runner_environment"),
		15: has("repository_id"),
		17: has("repository_owner_id"),
		18: "https://github.com/" + has("workflow_ref"),
		20: has("event_name"),
		21: "https://github.com/" + has("repository") + "/actions/runs/" + has("run_id") + "/attempts/" + has("run_attempt"),
	} {
		der, err := asn1.MarshalWithParams(value, "utf8")
		if err != nil {
			return err
		}
		id := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, arc}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: id, Value: der})
	}
	return nil
}

// proving are options with provenance.
func proving(t *testing.T, i *instance, claims map[string]any) sigstore.Options {
	t.Helper()
	o := options(t, i, token(t, claims))
	o.Job.Provenance = true
	return o
}

// TestCheckNamesRun: with provenance, the identity has the run, as the token says.
func TestCheckNamesRun(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	push := attest.Run{
		Path:    ".github/workflows/release.yml",
		Builder: "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
		Event:   "push", RepositoryID: "74", OwnerID: "65", Environment: "github-hosted",
		InvocationURI: "https://github.com/acme/app/actions/runs/1658821493/attempts/1",
	}
	for name, c := range map[string]struct {
		changes map[string]any
		change  func(*attest.Run)
	}{
		"push": {nil, func(*attest.Run) {}},
		"reusable workflow": {map[string]any{"job_workflow_ref": "acme/shared/.github/workflows/publish.yml@v1"}, func(r *attest.Run) {
			r.Builder = "https://github.com/acme/shared/.github/workflows/publish.yml@v1"
		}},
		"another attempt, self-hosted": {map[string]any{"run_attempt": "3", "runner_environment": "self-hosted"}, func(r *attest.Run) {
			r.InvocationURI = "https://github.com/acme/app/actions/runs/1658821493/attempts/3"
			r.Environment = "self-hosted"
		}},
		// @actions/attest ends the path at the first @; the build type says to take both ends off.
		"@ in path and ref": {map[string]any{"workflow_ref": "acme/app/.github/workflows/a@b.yml@refs/heads/c@d", "ref": "refs/heads/c@d"}, func(r *attest.Run) {
			r.Path = ".github/workflows/a@b.yml"
		}},
		"not a plain URL": {map[string]any{
			"workflow_ref": "acme/app/.github/workflows/my release.yml@refs/heads/größe", "ref": "refs/heads/größe",
			"job_workflow_ref": "acme/app/.github/workflows/my release.yml@refs/heads/größe",
		}, func(r *attest.Run) {
			r.Path, r.Builder = ".github/workflows/my release.yml", "https://github.com/acme/app/.github/workflows/my release.yml@refs/heads/größe"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSigner(t, proving(t, i, runClaims(c.changes)))
			id, _, err := check(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			want := push
			c.change(&want)
			if diff := cmp.Diff(want, id.Run); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
			if _, err := s.Sign(t.Context(), three(t)[:1]); err != nil { // the certificate agrees
				t.Error(err)
			}
		})
	}
}

// TestCheckRefusesRun: a claim that is missing matters with provenance alone.
func TestCheckRefusesRun(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	all := map[string]any{"workflow_ref": nil, "event_name": nil, "repository_id": nil, "repository_owner_id": nil, "runner_environment": nil, "run_id": nil, "run_attempt": nil}
	for name, c := range map[string]struct {
		golden  string
		changes map[string]any
	}{
		"no runner environment":           {"run-one-claim", map[string]any{"runner_environment": nil}},
		"an empty one":                    {"run-one-claim", map[string]any{"runner_environment": ""}},
		"one that is not text":            {"run-one-claim", map[string]any{"runner_environment": 7}},
		"none":                            {"run-no-claims", all},
		"a workflow of another":           {"run-other-repository", map[string]any{"workflow_ref": "acme/rules/.github/workflows/required.yml@refs/heads/main"}},
		"a workflow of a longer name":     {"run-longer-name", map[string]any{"workflow_ref": "acme/app2/.github/workflows/release.yml@refs/heads/main"}},
		"a workflow at another ref":       {"run-other-ref", map[string]any{"workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/dev"}},
		"a workflow without a file":       {"run-no-file", map[string]any{"workflow_ref": "acme/app/@refs/heads/main"}},
		"a workflow that is a repository": {"run-no-path", map[string]any{"workflow_ref": "acme/app"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := check(t.Context(), newSigner(t, proving(t, i, runClaims(c.changes))))
			goldenProblem(t, c.golden, err)
			id, _, err := check(t.Context(), newSigner(t, options(t, i, token(t, runClaims(c.changes)))))
			if err != nil || id.Run != (attest.Run{}) {
				t.Errorf("without provenance: %+v, %v", id.Run, err)
			}
		})
	}
}

// TestCertificateOfAnotherRun: with provenance, a certificate that does not say what the
// statement says signs nothing.
func TestCertificateOfAnotherRun(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]any{
		"run":                {"run_id": "7"},
		"attempt":            {"run_attempt": "2"},
		"event":              {"event_name": "pull_request"},
		"repository ID":      {"repository_id": "75"},
		"owner ID":           {"repository_owner_id": "66"},
		"runner environment": {"runner_environment": "self-hosted"},
		"workflow":           {"workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main"},
		"nothing of the run": {"run_id": nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			i.intercept["fulcio.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header.Set("Authorization", "Bearer "+token(t, runClaims(changes)))
				i.service(w, req)
			})
			_, err := newSigner(t, proving(t, i, runClaims(nil))).Sign(t.Context(), three(t))
			if p := problem.From(err); p == nil || p.Code != problem.BundleInvalid || !strings.Contains(p.What, "certificate") {
				t.Errorf("got %v", err)
			}
			if i.requests["rekor.example.com"] > 0 {
				t.Error("something was logged")
			}
			if _, err := newSigner(t, options(t, i, token(t, runClaims(nil)))).Sign(t.Context(), three(t)); err != nil {
				t.Errorf("without provenance: %v", err)
			}
		})
	}
}

// TestTokenOfAnotherRun: what was made of one token is not signed with another.
func TestTokenOfAnotherRun(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]any{
		"other attempt": {"run_attempt": "2"},
		"other commit":  {"sha": strings.Repeat("2", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			o := proving(t, i, runClaims(nil))
			now := token(t, runClaims(nil))
			o.Token = func(context.Context, string) (secret.String, error) { return secret.New(now), nil }
			s := checked(t, o)
			now = token(t, runClaims(changes))
			_, err := s.Sign(t.Context(), three(t))
			goldenProblem(t, "run-changed-"+strings.ReplaceAll(name, " ", "-"), err)
			if len(i.requests) > 0 {
				t.Errorf("requests %v", i.requests)
			}
		})
	}
}
