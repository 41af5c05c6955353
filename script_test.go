package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"seal-image/internal/harness"
)

// script is the state of one script.
type script struct {
	tools  *harness.Tools
	job    *harness.Job
	runner *harness.Runner
	digest string // of the image that was pushed last
	stdout string // of the last seal
	proxy  string // host of the proxy that was started last, if there is one

	background map[string]*stepRun // by name
	swept      map[int64]bool      // artifacts that were looked through, by id
}

type scriptKey struct{}

func newScript(env *testscript.Env, tools *harness.Tools, job *harness.Job) error {
	runner, err := newRunner(filepath.Join(env.WorkDir, "github"), job)
	if err != nil {
		return err
	}
	env.Values[scriptKey{}] = &script{tools: tools, job: job, runner: runner, background: map[string]*stepRun{}, swept: map[int64]bool{}}
	repository := "/acme/" + strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	own, others, _ := strings.Cut(env.Getenv("PATH"), string(os.PathListSeparator)) // own: the action of this test
	const workflow = "https://github.com/acme/demo/.github/workflows/release.yml@refs/heads/main"
	for name, value := range map[string]string{
		"PATH":             strings.Join([]string{own, tools.Dir, others}, string(os.PathListSeparator)),
		"HOME":             env.WorkDir,
		"APP":              job.Registry + repository,
		"REGISTRY":         job.Registry,
		"REGISTRY_PORT":    job.Registry[strings.LastIndex(job.Registry, ":")+1:],
		"NOREFERRERS_APP":  job.RegistryNoReferrers + repository,
		"LOGIN_APP":        job.RegistryWithLogin + repository,
		"BASIC_APP":        job.RegistryWithBasicAuth + repository,
		"DISTRIBUTION_APP": job.RegistryDistribution + repository,
		"WRITER":           job.RegistryUsername, "WRITER_PASSWORD": job.RegistryPassword,
		"READER": job.RegistryReaderUsername, "READER_PASSWORD": job.RegistryReaderPassword,
		"FULCIO": job.FulcioURL, "REKOR": job.RekorURL, "REKOR2": job.RekorV2URL, "TSA": job.TSAURL,
		"TRUSTED_ROOT": job.TrustedRoot, "TUF": job.TUFURL, "TUF_ROOT": job.TUFRoot,
		"SIGNING_CONFIG": job.SigningConfig, "SIGNING_CONFIG_V2": job.SigningConfigV2,
		"SIGNING_CONFIG_V2_ALONE": job.SigningConfigV2Alone,
		"ID_TOKEN_REQUEST_URL":    job.IDTokenRequestURL,
		"GITHUB":                  filepath.Dir(runner.Workspace),
		"WORKSPACE":               runner.Workspace,
		"IMAGES":                  tools.Images,
		"SUMMARY":                 runner.Summary,
		"SAN":                     workflow,
		"ISSUER":                  job.Issuer,
	} {
		env.Setenv(name, value)
	}
	for name, host := range job.RegistryQuirks {
		env.Setenv(strings.ToUpper(name)+"_APP", host+repository)
	}
	return nil
}

// given is an SBOM that every workspace has, for scripts that are not about what syft finds.
const given = `{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
  "name": "given", "documentNamespace": "https://example.com/given",
  "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Organization: Acme"]},
  "packages": [{"name": "a", "SPDXID": "SPDXRef-a", "downloadLocation": "NOASSERTION", "versionInfo": "1"}],
  "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"}]}
`

// newRunner makes a runner whose workspace has the file given.spdx.json.
func newRunner(dir string, job *harness.Job) (*harness.Runner, error) {
	runner, err := harness.NewRunner(dir, job)
	if err != nil {
		return nil, err
	}
	return runner, os.WriteFile(filepath.Join(runner.Workspace, "given.spdx.json"), []byte(given), 0o644)
}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// push KIND REF [USER]: puts a test image into a registry and prints its digest. It also
// sets $DIGEST, $TAG to the tag that is made of it, and $AMD64, $ARM64 ... to the digests of
// the platforms.
func push(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) < 2 {
		ts.Fatalf("usage: push KIND REF [USER]")
	}
	command := []string{"push"}
	if len(args) == 3 {
		ts.Setenv("PUSH_PASSWORD", s.job.RegistryPassword)
		command = append(command, "-username", args[2], "-password-env", "PUSH_PASSWORD")
	}
	ts.Check(ts.Exec(s.tools.Sandbox, append(command, filepath.Join(s.tools.Images, args[0]), args[1])...))
	image := readImage(ts, args[0])
	s.digest = image.Digest
	ts.Setenv("DIGEST", image.Digest)
	ts.Setenv("TAG", strings.Replace(image.Digest, ":", "-", 1))
	for _, p := range image.Images {
		arch := strings.Split(p.Platform, "/")[1]
		ts.Setenv(strings.ToUpper(arch), p.Digest)
	}
}

// testImage is what the sandbox says of an image that it made.
type testImage struct {
	Digest string `json:"digest"`
	Images []struct {
		Platform string   `json:"platform"`
		Digest   string   `json:"digest"`
		Packages []string `json:"packages"`
	} `json:"images"`
}

func readImage(ts *testscript.TestScript, kind string) testImage {
	content, err := os.ReadFile(filepath.Join(of(ts).tools.Images, kind+".json"))
	ts.Check(err)
	var image testImage
	ts.Check(json.Unmarshal(content, &image))
	return image
}

// problem [warning]: prints the annotation of the last seal as the reader sees it: title, then
// text. Addresses are replaced by their names, and temporary ones by their kind.
func showProblem(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	level := "error"
	if len(args) == 1 {
		level = args[0]
	}
	if neg || len(args) > 1 || level != "error" && level != "warning" {
		ts.Fatalf("usage: problem [warning]")
	}
	annotations := regexp.MustCompile(`(?m)^::`+level+` title=(.*?)::(.*)$`).FindAllStringSubmatch(s.stdout, -1)
	if len(annotations) != 1 {
		ts.Fatalf("the log has %d annotations of level %s, want one", len(annotations), level)
	}
	data := strings.NewReplacer("%0A", "\n", "%0D", "\r", "%3A", ":", "%2C", ",", "%25", "%")
	fmt.Fprintln(ts.Stdout(), s.names(data.Replace(annotations[0][1])))
	fmt.Fprintln(ts.Stdout(), s.names(data.Replace(annotations[0][2])))
}

var (
	digests    = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	logEntries = regexp.MustCompile(`log entries [0-9, ]+,`)
)

// names replaces what differs from run to run, and from one version of Go to the next.
func (s *script) names(text string) string {
	host := func(url string) string {
		host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		return host
	}
	text = logEntries.ReplaceAllString(text, "log entries N,")
	if s.proxy != "" {
		text = strings.ReplaceAll(text, s.proxy, "PROXY")
	}
	for _, registry := range s.job.RegistryQuirks {
		text = strings.ReplaceAll(text, registry, "REGISTRY")
	}
	if _, hex, ok := strings.Cut(s.digest, ":"); ok {
		text = strings.NewReplacer(hex, hex, hex[:12], "SHORT").Replace(text)
	}
	return digests.ReplaceAllString(strings.NewReplacer(
		cmp.Or(s.digest, "sha256:0"), "DIGEST", strings.Replace(cmp.Or(s.digest, "sha256:0"), ":", "-", 1), "TAG",
		s.job.RegistryNoReferrers, "REGISTRY", s.job.RegistryWithLogin, "REGISTRY", s.job.RegistryWithBasicAuth, "REGISTRY", s.job.Registry, "REGISTRY",
		host(s.job.RekorURL), "REKOR", host(s.job.RekorV2URL), "REKOR2", host(s.job.FulcioURL), "FULCIO", host(s.job.TUFURL), "TUF",
		s.job.RegistryUsername, "WRITER", s.job.RegistryReaderUsername, "READER",
		host(s.job.TSAURL), "TSA", host(s.job.ResultsURL), "RESULTS", s.runner.Workspace, "WORKSPACE",
	).Replace(text), "sha256:OTHER")
}

// outputs prints the outputs of the last seal and sets a variable for each, e.g. $log_index.
func outputs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: outputs")
	}
	all, err := of(ts).runner.Outputs()
	ts.Check(err)
	for name, value := range all {
		ts.Setenv(strings.ReplaceAll(name, "-", "_"), value)
		fmt.Fprintf(ts.Stdout(), "%s=%s\n", name, value)
	}
}

// referrers REPO@DIGEST: prints artifact type and predicate type of each referrer, sorted.
func referrers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: referrers REPO@DIGEST")
	}
	ref, err := name.NewDigest(args[0])
	ts.Check(err)
	index, err := remote.Referrers(ref)
	ts.Check(err)
	manifest, err := index.IndexManifest()
	ts.Check(err)
	lines := make([]string, 0, len(manifest.Manifests))
	for _, d := range manifest.Manifests {
		lines = append(lines, d.ArtifactType+" "+d.Annotations["dev.sigstore.bundle.predicateType"]+"\n")
	}
	slices.Sort(lines)
	fmt.Fprint(ts.Stdout(), strings.Join(lines, ""))
}
