//go:build container

package container_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// published is the identity of the reusable workflow, whoever calls it.
const published = "https://github.com/OWNER/seal-image/.github/workflows/publish.yml@refs/tags/v1"

// testUses runs the action in the ways in which workflows use it.
func (b *bench) testUses(t *testing.T) {
	t.Run("step", b.testUsesStep)
	t.Run("step without permission", b.testUsesWithoutPermission)
	t.Run("composite action", b.testUsesComposite)
	t.Run("reusable workflow", b.testUsesReusable)
}

// testUsesStep: a later step has the outputs and the SBOM, and the verify action accepts the
// image.
func (b *bench) testUsesStep(t *testing.T) {
	r := b.newRuns(t)
	ref := r.job.Registry + "/acme/step"
	r.env["IMAGE"] = ref + ":v1"
	res := r.run(t, "step.yml")
	seal := res.sealed(t, "seal", "later")
	if got := res.outputs["verify"]["digest"]; got != seal["digest"] {
		t.Errorf("verify has found %q, want %s", got, seal["digest"])
	}
	files := r.artifact(t, seal["artifact-id"])
	if _, kept := files[strings.TrimPrefix(seal["sbom-path"], ".seal-image/")]; !kept || seal["sbom-digest"] != "sha256:"+res.outputs["later"]["sbom"] {
		t.Errorf("a later step has read an SBOM with %s; outputs: %v", res.outputs["later"]["sbom"], seal)
	}
	b.judge(t, r.job, identity, ref, files)
}

// testUsesWithoutPermission: the step fails with the words of the problem, and the steps after
// it do not run.
func (b *bench) testUsesWithoutPermission(t *testing.T) {
	r := b.newRuns(t)
	r.env["IMAGE"] = r.job.Registry + "/acme/denied:v1"
	delete(r.env, "ACTIONS_ID_TOKEN_REQUEST_URL")
	res := r.run(t, "step.yml")
	if diff := cmp.Diff([]string{"seal"}, res.failed); diff != "" || res.succeeded || res.outputs["later"] != nil {
		t.Errorf("succeeded: %v; failed steps (-want +got):\n%s\n%s", res.succeeded, diff, res.log)
	}
	if !regexp.MustCompile(`(?m)^.*::error.*GitHub offers this job no OIDC token`).MatchString(res.log) || !strings.Contains(res.log, "id-token: write") {
		t.Errorf("the log does not say what is missing:\n%s", res.log)
	}
	if !strings.Contains(res.summary, "GitHub offers this job no OIDC token.") {
		t.Errorf("the summary does not say what is missing:\n%s", res.summary)
	}
}

// testUsesComposite: inputs and outputs pass through an action that wraps this one.
func (b *bench) testUsesComposite(t *testing.T) {
	r := b.newRuns(t)
	ref := r.job.Registry + "/acme/composite"
	r.env["IMAGE"] = ref + ":v1"
	res := r.run(t, "composite.yml")
	seal := res.sealed(t, "wrapped/seal", "later")
	b.judge(t, r.job, identity, ref, r.artifact(t, seal["artifact-id"]))
}

// testUsesReusable: another repository calls the reusable workflow; what its first job has
// pushed is sealed by the second one, in the name of the reusable workflow.
func (b *bench) testUsesReusable(t *testing.T) {
	r := b.newRuns(t)
	r.trustSandbox(t)
	ref := r.job.RegistryWithLogin + "/acme/reusable"
	r.vars = map[string]string{"IMAGE": ref + ":v1", "REGISTRY": r.job.RegistryWithLogin, "USERNAME": r.job.RegistryUsername}
	r.secret["PASSWORD"] = r.job.RegistryPassword
	r.env["ACTIONS_ID_TOKEN_REQUEST_URL"] += "&claim.job_workflow_ref=" + strings.TrimPrefix(published, "https://github.com/")
	res := r.run(t, "reusable.yml")
	seal := res.sealed(t, "seal", "later")
	if got := res.outputs["verify"]["digest"]; got != seal["digest"] {
		t.Errorf("verify has found %q, want %s", got, seal["digest"])
	}
	r.login(t)
	b.judge(t, r.job, published, ref, r.artifact(t, seal["artifact-id"]))
}

// login lets cosign read from the registry with a login.
func (r *runs) login(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "config.json"), fmt.Appendf(nil, `{"auths": {%q: {"auth": %q}}}`, r.job.RegistryWithLogin,
		base64.StdEncoding.EncodeToString([]byte(r.job.RegistryUsername+":"+r.job.RegistryPassword))))
	t.Setenv("DOCKER_CONFIG", folder)
}

// trustSandbox has the reusable workflow use the sandbox in place of the public Sigstore, and
// a registry on this machine. The first root of the sandbox is a file of the caller.
func (r *runs) trustSandbox(t *testing.T) {
	t.Helper()
	replace(t, filepath.Join(r.names[action+"@v1"], ".github/workflows/publish.yml"),
		regexp.MustCompile(`      - uses: OWNER/seal-image@v1\n        id: seal\n        with:\n`), `      - uses: actions/checkout@v4
      - uses: OWNER/seal-image@v1
        id: seal
        with:
          allow-http-registry: true
          tuf-url: ${{ env.TUF }}
          tuf-root: root.json
`)
}

// sealed returns the outputs of the step that seals. A later step has some of them.
func (res *result) sealed(t *testing.T, seal, later string) map[string]string {
	t.Helper()
	if !res.succeeded {
		t.Fatalf("the run has failed at %q\n%s", res.failed, res.log)
	}
	outputs := res.outputs[seal]
	if outputs["digest"] == "" || outputs["log-index"] == "" || outputs["artifact-id"] == "" {
		t.Fatalf("outputs of all steps: %v\n%s", res.outputs, res.log)
	}
	for name, got := range res.outputs[later] {
		if want, isOutput := outputs[name]; isOutput && got != want {
			t.Errorf("a later step has %q for %s, want %q", got, name, want)
		}
	}
	if len(res.outputs[later]) < 3 || res.outputs[later]["digest"] == "" {
		t.Errorf("a later step has %v", res.outputs[later])
	}
	if !strings.Contains(res.summary, outputs["digest"]) {
		t.Errorf("the summary does not name %s:\n%s", outputs["digest"], res.summary)
	}
	return outputs
}

// artifact are the files of an artifact of the run, by path.
func (r *runs) artifact(t *testing.T, id string) map[string][]byte {
	t.Helper()
	content := suite.Must(r.job.Ask(t.Context(), http.MethodGet, "/artifacts/"+id, nil))(t)
	archive := suite.Must(zip.NewReader(bytes.NewReader(content), int64(len(content))))(t)
	files := map[string][]byte{}
	for _, f := range archive.File {
		file := suite.Must(f.Open())(t)
		files[f.Name] = suite.Must(io.ReadAll(file))(t)
		_ = file.Close()
	}
	return files
}

// judge has cosign verify the test image of two platforms. What is attested about the index
// and each platform is a file of the artifact, byte for byte.
func (b *bench) judge(t *testing.T, job *harness.Job, identity, repository string, files map[string][]byte) {
	t.Helper()
	var image struct {
		Digest string `json:"digest"`
		Images []struct {
			Platform string `json:"platform"`
			Digest   string `json:"digest"`
		} `json:"images"`
	}
	content := suite.Must(os.ReadFile(filepath.Join(b.tools.Images, "multi.json")))(t)
	if err := json.Unmarshal(content, &image); err != nil {
		t.Fatal(err)
	}
	documents := map[string]string{"index": image.Digest}
	for _, p := range image.Images {
		documents[strings.ReplaceAll(p.Platform, "/", "-")] = p.Digest
	}
	if len(documents) < 3 {
		t.Fatalf("the test image has %d manifests", len(documents))
	}
	for name, digest := range documents {
		ref := repository + "@" + digest
		if found := b.cosign(t, job, identity, "verify", ref); !strings.Contains(found, `"type":"https://sigstore.dev/cosign/sign/v1"`) {
			t.Errorf("cosign has found no signature of %s:\n%s", ref, found)
		}
		attested := predicate(t, b.cosign(t, job, identity, "verify-attestation", "--type", "spdxjson", ref))
		file := slices.DeleteFunc(slices.Collect(maps.Keys(files)), func(path string) bool { return filepath.Base(path) != name+".spdx.json" })
		if len(file) != 1 || !bytes.Equal(files[file[0]], attested) {
			t.Errorf("%s: %d bytes are attested, which are not the file %v of the artifact", name, len(attested), file)
		}
	}
}

// predicate is that of an attestation, as cosign prints it.
func predicate(t *testing.T, printed string) []byte {
	t.Helper()
	var envelope struct {
		Payload []byte `json:"payload"`
	}
	if err := json.Unmarshal([]byte(printed), &envelope); err != nil {
		t.Fatal(err)
	}
	var statement struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(envelope.Payload, &statement); err != nil {
		t.Fatal(err)
	}
	return statement.Predicate
}
