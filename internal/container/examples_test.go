//go:build container

package container_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"seal-image/internal/suite"
)

const examples = root + "/docs/examples"

// fromREADME is the name of the workflow that README begins with.
const fromREADME = "release.yml"

// testExamples runs each example of docs and README, as its reader would who has put registry and
// Sigstore of the test into it, and has cosign verify what it seals.
func (b *bench) testExamples(t *testing.T) {
	for _, path := range append(suite.Must(filepath.Glob(examples+"/*.yml"))(t), fromREADME) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) { b.testExample(t, filepath.Base(path)) })
	}
}

func (b *bench) testExample(t *testing.T, name string) {
	r := b.newRuns(t)
	r.trustSandbox(t)
	example := exampleText(t, name)
	login := strings.Contains(example, "registry-password:")
	registry, signer := r.job.Registry, "acme/demo/.github/workflows/"+name+"@refs/heads/main"
	if login {
		registry = r.job.RegistryWithLogin
	}
	if strings.Contains(example, "/publish.yml@v1") {
		signer = strings.TrimPrefix(published, "https://github.com/")
	}
	r.env["ACTIONS_ID_TOKEN_REQUEST_URL"] += "&claim.job_workflow_ref=" + signer
	r.env["REPOSITORIES"], r.env["WRITER"], r.env["LOGIN_PASSWORD"] = registry+"/acme", r.job.RegistryUsername, r.job.RegistryPassword
	for _, example := range []string{name, "composite/action.yml"} {
		to := map[bool]string{true: ".github/workflows/" + name, false: ".github/actions/publish/action.yml"}[example == name]
		write(t, filepath.Join(r.dir, to), r.adapted(t, example, registry))
	}
	for _, image := range []string{"one", "two"} { // that are there already
		b.push(t, "multi", r.job.Registry+"/acme/"+image+":v1")
	}
	write(t, filepath.Join(r.dir, "images.txt"), []byte(registry+"/acme/one:v1\n"+registry+"/acme/two:v1\n"))
	if res := r.run(t, name); !res.succeeded {
		t.Fatalf("the run has failed at %q\n%s", res.failed, res.log)
	}
	images, known := map[string][]string{
		"monorepo.yml": {"acme/api", "acme/web"}, "fleet.yml": {"acme/one", "acme/two"}, "ecr.yml": {"app"}, "gar.yml": {"acme/images/app"},
	}[name]
	if !known {
		images = []string{"acme/app"}
	}
	if login {
		r.login(t)
	}
	for _, image := range images {
		ref := registry + "/" + image + "@" + b.digest(t, "multi")
		b.cosign(t, r.job, "https://github.com/"+signer, "verify", ref)
		b.cosign(t, r.job, "https://github.com/"+signer, "verify-attestation", "--type", "spdxjson", ref)
	}
}

// exampleText is an example as it is written.
func exampleText(t *testing.T, name string) string {
	t.Helper()
	if name != fromREADME {
		return string(suite.Must(os.ReadFile(filepath.Join(examples, name)))(t))
	}
	_, text, _ := strings.Cut(string(suite.Must(os.ReadFile(root+"/README.md"))(t)), "\n```yaml\n")
	text, _, ok := strings.Cut(text, "\n```\n")
	if !ok {
		t.Fatal("README has no workflow")
	}
	return text
}

// adapted is an example with the addresses of the test. Each use of the action gets the inputs
// that the sandbox takes, and a workspace with the first root of its Sigstore.
func (r *runs) adapted(t *testing.T, example, registry string) []byte {
	t.Helper()
	text := strings.NewReplacer("ghcr.io", registry, "containers.github.example.com", registry,
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com", registry, "europe-docker.pkg.dev", registry,
		"oauth2accesstoken", r.job.RegistryUsername, "https://github.example.com/_services/token", r.job.Issuer,
	).Replace(exampleText(t, example))
	var file map[string]any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	jobs, _ := file["jobs"].(map[string]any)
	for _, job := range jobs {
		adaptSteps(job.(map[string]any))
	}
	if composite, is := file["runs"].(map[string]any); is {
		adaptSteps(composite)
	}
	return suite.Must(yaml.Marshal(file))(t)
}

func adaptSteps(of map[string]any) {
	steps, _ := of["steps"].([]any)
	for _, step := range steps {
		step := step.(map[string]any)
		if uses, _ := step["uses"].(string); strings.HasPrefix(uses, action) {
			with := step["with"].(map[string]any)
			with["allow-http-registry"], with["tuf-url"], with["tuf-root"] = true, "${{ env.TUF }}", "root.json"
		}
	}
	if len(steps) > 0 && of["using"] == nil { // of a job, which may have no workspace yet
		of["steps"] = append([]any{map[string]any{"uses": "actions/checkout@v7"}}, steps...)
	}
}
