//go:build matrix

package matrix_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// TestDocumentedCommands runs the commands of documents as they stand, about an image of the
// sandbox, with the programs that they are for. Each must refuse another workflow and repository.
func TestDocumentedCommands(t *testing.T) {
	b := newGH(t)
	old := suite.Must(b.buildCosign(t.Context(), "cosign24"))(t)
	b.cosigns["2.4.3"] = suite.Must(newCosign(t.Context(), old, filepath.Join(b.dir, "2.4.3"), b.job))(t)
	repository := b.job.Registry + "/acme/documented"
	suite.Must(b.seal(t.Context(), "single", repository, map[string]string{"provenance": "true"}))(t)

	for _, tt := range []struct{ file, heading, cosign string }{
		{"docs/verify.md", "### cosign 3", "3.1.3"},
		{"docs/verify.md", "### cosign 3", "2.4.3"},
		{"docs/verify.md", "### cosign 2", "2.6.5"},
		{"docs/verify.md", "### gh", "3.1.3"},
		{"docs/verify.md", "### Without a network", "3.1.3"},
		{"docs/usage.md", "## Provenance", "3.1.3"},
		{"README.md", "## Verify", "3.1.3"},
	} {
		t.Run(tt.heading+" of "+tt.file+" by "+tt.cosign, func(t *testing.T) {
			inSandbox := []string{
				"ghcr.io/acme/app@sha256:...", repository + "@" + b.images["single"].Digest, "acme/app", "acme/demo",
				"cosign initialize ", "cosign initialize --mirror " + b.job.TUFURL + " --root " + b.job.TUFRoot + " ",
			}
			if tt.heading != "### Without a network" { // gh believes in the public Sigstore alone
				inSandbox = append(inSandbox, "--bundle-from-oci", "--bundle-from-oci --custom-trusted-root "+b.root)
			}
			if tt.cosign == "2.4.3" { // which has another word for it
				inSandbox = append(inSandbox, "https://sigstore.dev/cosign/sign/v1", signatureTypes[tags])
			}
			before, values := "", ""
			if tt.file == "docs/verify.md" {
				values = strings.NewReplacer(inSandbox...).Replace(commandsBelow(t, tt.file, "## On a command line")[0])
				before = values
			}
			for _, commands := range commandsBelow(t, tt.file, tt.heading) {
				commands = strings.NewReplacer(inSandbox...).Replace(commands)
				if out, err := b.inShell(t, b.cosigns[tt.cosign], before+commands); err != nil {
					t.Errorf("%v\n%s\n%s", err, commands, out)
				}
				for _, other := range [][2]string{{"release.yml", "other.yml"}, {"acme/demo\n", "acme/other\n"}, {"acme/demo \\", "acme/other \\"}} {
					changed := strings.ReplaceAll(values+commands, other[0], other[1])
					if !strings.Contains(commands, "verify") || changed == values+commands {
						continue
					}
					if out, err := b.inShell(t, b.cosigns[tt.cosign], before+changed); err == nil {
						t.Errorf("%s is accepted by %s\n%s", other[1], commands, out)
					}
				}
				before += commands
			}
		})
	}
}

// commandsBelow are the shell blocks of a section, up to the next heading.
func commandsBelow(t *testing.T, file, heading string) (commands []string) {
	t.Helper()
	text := string(suite.Must(os.ReadFile(filepath.Join(root, file)))(t))
	_, section, ok := strings.Cut(text, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no %s", file, heading)
	}
	if end := regexp.MustCompile(`(?m)^#{2,} `).FindStringIndex(section); end != nil {
		section = section[:end[0]]
	}
	for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(section, -1) {
		commands = append(commands, m[1])
	}
	if len(commands) == 0 {
		t.Fatalf("%s has no commands below %s", file, heading)
	}
	return commands
}

// inShell runs commands in a shell that has a cosign, gh, and a home where cosign has its trust.
func (b *ghBench) inShell(t *testing.T, c *cosign, commands string) ([]byte, error) {
	t.Helper()
	home := <-c.homes
	defer func() { c.homes <- home }()
	dir := t.TempDir()
	for name, program := range map[string]string{"cosign": c.program, "gh": b.program} {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.LookPath("jq"); err != nil {
		commands = harness.ShellTools + commands
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", commands)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "GH_TOKEN=ghp_sandbox0123456789"}
	return cmd.CombinedOutput()
}
