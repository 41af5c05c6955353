package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/problem"
	"seal-image/internal/report"
)

const dir = ".seal-image"

// manifest has the digest of 64 times the character c.
func manifest(c string, mediaType types.MediaType) attest.Manifest {
	ref, err := name.NewDigest("ghcr.io/acme/app@sha256:" + strings.Repeat(c, 64))
	if err != nil {
		panic(err)
	}
	return attest.Manifest{Ref: ref, MediaType: mediaType, Size: 400}
}

func image(c string, p v1.Platform) attest.Image {
	return attest.Image{Manifest: manifest(c, types.OCIManifestSchema1), Platform: p}
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	armV7 = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}

	identity = attest.Identity{
		SAN:        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
		Issuer:     "https://token.actions.githubusercontent.com",
		Repository: "acme/app", RepositoryURI: "https://github.com/acme/app",
		Ref: "refs/heads/main", SHA: strings.Repeat("c0", 20),
	}
)

// single is a plain image, index an index of the images.
func single(img attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: img.Manifest, Tag: "v1.2", Images: []attest.Image{img}, Platforms: 1}
}

func index(images ...attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: manifest("f", types.OCIImageIndex), Tag: "v1.2", Images: images, Platforms: len(images)}
}

// dryRun is the result of a run that only made SBOMs.
func dryRun(s *attest.Subject) *attest.Result {
	res := &attest.Result{Identity: identity, Subject: s}
	for i, img := range s.Images {
		res.SBOMs = append(res.SBOMs, &attest.SBOM{Image: img, Document: fmt.Appendf(nil, `{"n":%d}`, i), Packages: 100 + i})
	}
	return res
}

// sealed is the result of a run that signed all statements and attached so many.
func sealed(t *testing.T, s *attest.Subject, attached int) *attest.Result {
	t.Helper()
	res := dryRun(s)
	statements, err := attest.Statements(s, res.SBOMs, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, st := range statements {
		b := &attest.Bundle{
			Statement: st, JSON: fmt.Appendf(nil, `{"bundle":%d}`, i), Signer: identity,
			Entry: attest.LogEntry{
				Index: 1000 + int64(i), URL: fmt.Sprintf("https://search.sigstore.dev/?logIndex=%d", 1000+i),
				LogID: strings.Repeat("0a", 32), IntegratedTime: time.Unix(1_790_000_000+int64(i), 0).UTC(),
			},
		}
		res.Bundles = append(res.Bundles, b)
		if i < attached {
			res.Attachments = append(res.Attachments, &attest.Attachment{Bundle: b, Manifest: manifest(fmt.Sprint(i), types.OCIManifestSchema1)})
		}
	}
	return res
}

const all = 99

// evil is text that means something to Markdown, HTML, tables, JSON and file systems.
const evil = "v8|`<script>alert(1)</script>\n| **a** [b](https://evil.dev) é\u2028🚀 ../../x @octocat\r```\n# c"

func foreign(t *testing.T, attached int) *attest.Result {
	t.Helper()
	s := index(image("a", v1.Platform{OS: "linux", Architecture: "arm64", Variant: evil}), image("b", amd64))
	s.Tag = evil
	res := sealed(t, s, attached)
	for _, b := range res.Bundles {
		b.Entry.URL += "|>\n<script>\r" + evil
		b.Signer.SAN += evil
		b.Signer.Issuer += evil
	}
	return res
}

func TestSummary(t *testing.T) {
	t.Parallel()
	platforms := []attest.Image{image("a", amd64), image("b", armV7)}
	artifact := single(image("a", v1.Platform{}))
	artifact.ArtifactType = "application/vnd.cncf.helm.config.v1+json"
	signed := sealed(t, artifact, all)
	signed.SBOMs, signed.Bundles, signed.Attachments = nil, signed.Bundles[1:], signed.Attachments[1:]
	withoutTag := sealed(t, single(image("a", amd64)), all)
	withoutTag.Subject.Tag = ""
	denied := &problem.Problem{
		Code: problem.RegistryDenied, What: "ghcr.io refuses to store what belongs to ghcr.io/acme/app.",
		Why: "The token may read only.\nIt is that of a fork.", Fix: "Add to the job\n  permissions:\n    packages: write",
	}
	for name, tt := range map[string]struct {
		res *attest.Result
		err error
	}{
		"multi":           {sealed(t, index(platforms...), all), nil},
		"one-image-index": {sealed(t, index(platforms[0]), all), nil},
		"single-digest":   {withoutTag, nil},
		"artifact":        {signed, nil},
		"dry-run":         {dryRun(index(platforms...)), nil},
		"failed-early":    {&attest.Result{}, denied},
		"failed-attach":   {sealed(t, index(platforms...), 3), fmt.Errorf("attach: %w", denied)},
		"failed-unknown":  {&attest.Result{}, errors.New("broken pipe")},
		"foreign":         {foreign(t, all), nil},
		"foreign-failed":  {foreign(t, 3), &problem.Problem{Code: problem.RegistryDenied, What: evil, Why: "a\n" + evil, Fix: "b\n" + evil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := report.Summary(tt.res, tt.err)
			golden.Compare(t, "summary/"+name+".md", got)
			checkMarkdown(t, got)
		})
	}
}

var (
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	escaped   = regexp.MustCompile(`\\[[:punct:]]`)
	codeBlock = regexp.MustCompile("(?ms)^```[a-z]+\n.*?^```$")
)

// checkMarkdown makes sure that the structure is ours alone: what code and escapes hide
// aside, there is no HTML, no emphasis and no link but those in the column of log entries,
// and every row of a table has the cells of its head.
func checkMarkdown(t *testing.T, markdown string) {
	t.Helper()
	outside := codeBlock.ReplaceAllString(markdown, "CODE")
	outside = codeSpan.ReplaceAllString(outside, "CODE")
	outside = escaped.ReplaceAllString(outside, "")
	outside = regexp.MustCompile(`\[\d+\]\(<[^<>|\n\r]*>\)`).ReplaceAllString(outside, "LINK")
	outside = regexp.MustCompile(`(?m)^\*\*Already public\*\*`).ReplaceAllString(outside, "")
	for _, markup := range []string{"<", "**", "[", "](", "`", "\r", "@octocat"} {
		if strings.Contains(outside, markup) {
			t.Errorf("%q is markup in\n%s", markup, outside)
		}
	}
	cells := 0
	for i, line := range strings.Split(outside, "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			if strings.Contains(line, "|") || (i > 0 && strings.HasPrefix(line, "#")) {
				t.Errorf("line %d is not ours: %q", i, line)
			}
			continue
		}
		n := strings.Count(line, "|")
		if cells != 0 && n != cells {
			t.Errorf("row %q has %d bars, its table %d", line, n, cells)
		}
		cells = n
	}
}

func TestSummaryBound(t *testing.T) {
	t.Parallel()
	var images []attest.Image
	for i := range 20_000 {
		images = append(images, image("a", v1.Platform{OS: "linux", Architecture: "amd64", Variant: fmt.Sprint("v", i)}))
	}
	got := report.Summary(&attest.Result{Subject: index(images...)}, nil)
	if len(got) > 1<<20-4096 {
		t.Errorf("the summary has %d bytes; GitHub drops what has more than 1 MiB", len(got))
	}
	note := "|\n\nThe rest is in `results.json`.\n"
	if !strings.HasSuffix(got, note) {
		t.Errorf("the summary ends with %q, not after a row and with the note", got[len(got)-200:])
	}

	big := &problem.Problem{Code: problem.SBOMFailed, What: "It broke.", Why: "w", Fix: strings.Repeat("x", 2<<20)}
	if got := report.Summary(&attest.Result{}, big); len(got) > 1<<20-4096 {
		t.Errorf("a failure has a summary of %d bytes", len(got))
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*attest.Result{
		"multi":           sealed(t, index(image("a", amd64), image("b", armV7)), all),
		"one-image-index": sealed(t, index(image("a", amd64)), all),
		"failed-attach":   sealed(t, single(image("a", amd64)), 1),
		"dry-run":         dryRun(single(image("a", amd64))),
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
			Tag       string
			Platforms []struct{ Platform string }
		}
	}
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(evil, got.Images[0].Tag); diff != "" {
		t.Errorf("tag (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("linux/arm64/"+evil, got.Images[0].Platforms[0].Platform); diff != "" {
		t.Errorf("platform (-want +got):\n%s", diff)
	}
}

// oneLine is what the runner's output file takes without escape.
var oneLine = regexp.MustCompile(`^[\x20-\x7e]*$`)

func TestOutputs(t *testing.T) {
	t.Parallel()
	withoutSBOM := sealed(t, single(image("a", amd64)), all)
	withoutSBOM.SBOMs, withoutSBOM.Bundles, withoutSBOM.Attachments = nil, withoutSBOM.Bundles[1:], withoutSBOM.Attachments[1:]
	evilPlatform := sealed(t, single(image("a", v1.Platform{OS: "linux", Architecture: "arm64", Variant: evil})), all)
	evilPlatform.Subject.Tag = evil
	for name, res := range map[string]*attest.Result{
		"single":          sealed(t, single(image("a", amd64)), all),
		"multi":           sealed(t, index(image("a", amd64), image("b", armV7)), all),
		"one-image-index": sealed(t, index(image("a", amd64)), all),
		"without-sbom":    withoutSBOM,
		"dry-run":         dryRun(single(image("a", amd64))),
		"foreign":         evilPlatform,
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
				fmt.Fprintf(&b, "%s=%s\n", name, got[name])
			}
			golden.Compare(t, "outputs/"+name+".txt", b.String())

			files, err := report.Files(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"sbom-path", "bundle-path"} {
				if p := got[name]; p != "" && files[strings.TrimPrefix(p, dir+"/")] == nil {
					t.Errorf("%s is %s, and no such file is written", name, p)
				}
			}
		})
	}
}

// TestVerifyCommand asks a shell what the words of the command are.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	res := sealed(t, single(image("a", amd64)), all)
	id := &res.Signature().Bundle.Signer
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
		"--certificate-github-workflow-repository", "acme/app", res.Subject.Ref.String(), "",
	}
	if diff := cmp.Diff(want, strings.Split(string(words), "\n")); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	windows := func(version string) v1.Platform {
		return v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: version}
	}
	for name, tt := range map[string]struct {
		res  *attest.Result
		want []string
	}{
		"single": {sealed(t, single(image("a", amd64)), all), []string{
			"linux-amd64.spdx.json", "linux-amd64.spdx.sigstore.json", "results.json", "signature.sigstore.json",
		}},
		"multi": {sealed(t, index(image("a", amd64), image("b", armV7)), all), []string{
			"linux-amd64.signature.sigstore.json", "linux-amd64.spdx.json", "linux-amd64.spdx.sigstore.json",
			"linux-arm-v7.signature.sigstore.json", "linux-arm-v7.spdx.json", "linux-arm-v7.spdx.sigstore.json",
			"results.json", "signature.sigstore.json",
		}},
		"one-image-index": {sealed(t, index(image("a", amd64)), all), []string{
			"linux-amd64.signature.sigstore.json", "linux-amd64.spdx.json", "linux-amd64.spdx.sigstore.json",
			"results.json", "signature.sigstore.json", "spdx.sigstore.json",
		}},
		"one platform twice": {dryRun(index(image("a", amd64), image("b", amd64))), []string{
			"linux-amd64-aaaaaaaaaaaa.spdx.json", "linux-amd64-bbbbbbbbbbbb.spdx.json", "results.json",
		}},
		"names that meet": {dryRun(index(image("a", armV7), image("b", v1.Platform{OS: "linux", Architecture: "arm-v7"}))), []string{
			"linux-arm-v7-aaaaaaaaaaaa.spdx.json", "linux-arm-v7-bbbbbbbbbbbb.spdx.json", "results.json",
		}},
		"versions of Windows": {dryRun(index(image("a", windows("10.0.1")), image("b", windows("10.0.2")))), []string{
			"results.json", "windows-amd64-10.0.1.spdx.json", "windows-amd64-10.0.2.spdx.json",
		}},
		"path in a platform": {dryRun(single(image("a", v1.Platform{OS: "linux", Architecture: "../../etc", Variant: "a\nb"}))), []string{
			"linux-..-..-etc-a-b.spdx.json", "results.json",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := report.Files(tt.res, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, slices.Sorted(maps.Keys(files))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			results, err := report.Results(tt.res, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(results), string(files[report.ResultsFile])); diff != "" {
				t.Errorf("results.json (-want +got):\n%s", diff)
			}
			checkResults(t, tt.res, results, files)
		})
	}
}

// checkResults compares what results.json says of the files with the files.
func checkResults(t *testing.T, res *attest.Result, results []byte, files map[string][]byte) {
	t.Helper()
	var got struct {
		Images []struct {
			Platforms []struct {
				SBOM string `json:"sbom_path"`
			}
			Attachments []struct {
				Bundle string `json:"bundle_path"`
			}
		}
	}
	if err := json.Unmarshal(results, &got); err != nil {
		t.Fatal(err)
	}
	for i, p := range got.Images[0].Platforms {
		if diff := cmp.Diff(res.SBOMs[i].Document, files[strings.TrimPrefix(p.SBOM, dir+"/")]); diff != "" {
			t.Errorf("%s (-document +file):\n%s", p.SBOM, diff)
		}
	}
	for i, a := range got.Images[0].Attachments {
		if diff := cmp.Diff(res.Bundles[i].JSON, files[strings.TrimPrefix(a.Bundle, dir+"/")]); diff != "" {
			t.Errorf("%s (-bundle +file):\n%s", a.Bundle, diff)
		}
	}
}
