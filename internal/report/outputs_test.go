package report_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/report"
)

// oneLine is what the runner's output file takes without escape.
var oneLine = regexp.MustCompile(`^[\x20-\x7e]*$`)

var cycloneDXFirst = []attest.Format{attest.CycloneDXJSON, attest.SPDXJSON, attest.SyftJSON, attest.SPDXTagValue}

func TestResults(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*attest.Result{
		"multi":           one(t, multi(), how{}),
		"one-image-index": one(t, index(image("a", amd64)), how{sign: attest.Bundles}),
		"legacy":          one(t, plain(), how{sign: attest.Legacy}),
		"formats":         one(t, plain(), how{formats: cycloneDXFirst, plain: true}),
		"existing":        one(t, plain(), how{existing: 2}),
		"skipped":         one(t, plain(), how{refused: true}),
		"artifact":        one(t, artifact(), how{noSBOM: true}),
		"provenance":      one(t, multi(), how{proven: proof}),
		"several":         several(t),
		"failed-attach":   one(t, plain(), how{attached: 1, plain: true, err: denied()}),
		"failed-several":  partly(t),
		"failed-unknown":  one(t, plain(), how{attached: -1, err: fmt.Errorf("broken pipe")}),
		"dry-run":         dryRun(multi()),
		"released":        released(one(t, plain(), how{alone: true}), "v1"),
		"nothing":         {},
		"foreign":         foreign(t, 3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := report.Results(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			if !oneLine.Match(got) {
				t.Errorf("results are not one line of ASCII: %q", got)
			}
			var pretty any
			if err := json.Unmarshal(got, &pretty); err != nil {
				t.Fatal(err)
			}
			indented, err := json.MarshalIndent(pretty, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "results/"+name+".json", string(indented)+"\n")
		})
	}
}

// TestResultsKeepText: characters become escapes, not other characters.
func TestResultsKeepText(t *testing.T) {
	t.Parallel()
	encoded, err := report.Results(foreign(t, 3), dir)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Images []struct {
			Tags      []string
			Platforms []struct{ Platform string }
		}
	}
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{evil, "v1"}, got.Images[0].Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("linux/arm64/"+evil, got.Images[0].Platforms[0].Platform); diff != "" {
		t.Errorf("platform (-want +got):\n%s", diff)
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	evilPlatform := single(image("a", v1.Platform{OS: "linux", Architecture: "arm64", Variant: evil}))
	evilPlatform.Tags = []string{evil}
	selected := multi()
	selected.Images = selected.Images[:1]
	for name, res := range map[string]*attest.Result{
		"single":          one(t, plain(), how{}),
		"bundle":          one(t, plain(), how{sign: attest.Bundles}),
		"legacy":          one(t, plain(), how{sign: attest.Legacy}),
		"multi":           one(t, multi(), how{}),
		"multi-legacy":    one(t, multi(), how{sign: attest.Legacy}),
		"multi-selected":  one(t, selected, how{}),
		"multi-syft":      one(t, multi(), how{formats: []attest.Format{attest.SyftJSON}}),
		"one-image-index": one(t, index(image("a", amd64)), how{}),
		"formats":         one(t, plain(), how{formats: cycloneDXFirst}),
		"documents":       one(t, plain(), how{alone: true, plain: true}),
		"existing":        one(t, plain(), how{existing: 3}),
		"skipped":         one(t, plain(), how{refused: true}),
		"without-sbom":    one(t, plain(), how{noSBOM: true}),
		"artifact":        one(t, artifact(), how{noSBOM: true}),
		"provenance":      one(t, plain(), how{proven: proof}),
		"provenance-only": one(t, plain(), how{proven: proof, noSBOM: true}),
		"several":         several(t),
		"kept":            kept(one(t, plain(), how{}), "app-aaaaaaaaaaaa"),
		"stored":          stored(one(t, multi(), how{proven: proof})),
		"stored-sbom":     stored(one(t, multi(), how{})),
		"dry-run":         dryRun(plain()),
		"dry-run-multi":   dryRun(multi()),
		"dry-run-several": dryRun(multi(), in("quay.io/acme/tool", plain())),
		"foreign":         one(t, evilPlatform, how{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := report.Outputs(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(report.OutputNames())), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("names (-OutputNames +got):\n%s", diff)
			}
			var b strings.Builder
			for _, name := range report.OutputNames() {
				if !oneLine.MatchString(got[name]) {
					t.Errorf("%s is not one line of ASCII: %q", name, got[name])
				}
				if name != "results" { // it has its own
					fmt.Fprintf(&b, "%s=%s\n", name, got[name])
				}
			}
			golden.Compare(t, "outputs/"+name+".txt", b.String())
			checkOutputs(t, res, got)
		})
	}
}

// checkOutputs: what the outputs say, the files and results.json say too.
func checkOutputs(t *testing.T, res *attest.Result, got map[string]string) {
	t.Helper()
	files, err := report.Files(res, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got["results"] != string(files[report.ResultsFile]) {
		t.Errorf("results are not those of results.json: %s", got["results"])
	}
	for _, name := range []string{"sbom-path", "bundle-path"} {
		if p := got[name]; p != "" && files[strings.TrimPrefix(p, dir+"/")] == nil {
			t.Errorf("%s is %s, and no such file is written", name, p)
		}
	}
	if p := got["sbom-path"]; p != "" && !strings.Contains(got["results"], fmt.Sprintf(`"path":%q,"digest":%q`, p, got["sbom-digest"])) {
		t.Errorf("sbom-digest is %s, and results say something else of %s: %s", got["sbom-digest"], p, got["results"])
	}
	if p := got["bundle-path"]; p != "" && !strings.Contains(got["results"], fmt.Sprintf(`"bundle_path":%q,"log_index":%s`, p, got["log-index"])) {
		t.Errorf("log-index is %s, and results say something else of %s: %s", got["log-index"], p, got["results"])
	}
}

// TestVerifyCommand asks a shell what the words of the command are.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	res := one(t, plain(), how{})
	id := &res.Seals[0].Signature().Bundle.Signer
	id.SAN = `https://github.com/acme/app/.github/workflows/re lease's "$(touch x)" ` + "`id`" + `.yml@refs/heads/a&b;c|d>e\f*~`
	id.Issuer = "https://ghe.acme.dev/_services/token?a=b!"
	id.Repository = "acme/app"
	out, err := report.Outputs(res, dir)
	if err != nil {
		t.Fatal(err)
	}
	script := `set -- ` + out["verify-command"] + `; printf '%s\n' "$@"`
	words, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("sh: %v for %s", err, script)
	}
	want := []string{
		"cosign", "verify", "--certificate-identity", id.SAN, "--certificate-oidc-issuer", id.Issuer,
		"--certificate-github-workflow-repository", "acme/app", res.Seals[0].Subject.Ref.String(), "",
	}
	if diff := cmp.Diff(want, strings.Split(string(words), "\n")); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}
