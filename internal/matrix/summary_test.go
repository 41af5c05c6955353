//go:build matrix

package matrix_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

// TestSummary runs the commands of the job summary as they stand, with the programs that they
// are for: of every signature format, with either log.
func TestSummary(t *testing.T) {
	b := newGH(t)
	programs := map[string]string{
		"cosign 3:": b.cosigns["3.1.3"].program, "cosign 2.6:": b.cosigns["2.6.5"].program, "GitHub's command line:": b.program,
	}
	for _, tt := range []struct {
		format string
		ledger ledger
		lines  []string // those that have commands
	}{
		{"both", ledgers[0], []string{"cosign 3:", "cosign 2.6:", "GitHub's command line:"}},
		{"bundle", ledgers[0], []string{"cosign 3:", "cosign 2.6:", "GitHub's command line:"}},
		{"bundle", ledgers[1], []string{"cosign 3:", "cosign 2.6:", "GitHub's command line:"}},
		{"legacy", ledgers[0], []string{"cosign 3:"}},
	} {
		repository := b.job.Registry + "/acme/summary-" + tt.format + "-" + strings.ToLower(tt.ledger.target)
		runner := suite.Must(b.seal(t.Context(), "single", repository, map[string]string{"signature-format": tt.format, "signing-config": tt.ledger.target, "provenance": "true"}))(t)
		for line, program := range programs {
			commands, err := runner.Copied(line)
			if wanted := strings.Contains(strings.Join(tt.lines, "\n"), line); wanted != (err == nil) {
				t.Errorf("%s, %s: %v", tt.format, tt.ledger.name, err)
			}
			if err != nil {
				continue
			}
			out, err := b.paste(t, program, commands)
			if err != nil {
				t.Errorf("%s, %s: %v\n%s\n%s", tt.format, tt.ledger.name, err, commands, out)
			}
			if strings.Contains(commands, "verify-attestation") && !bytes.Contains(out, []byte(`"payloadType":"application/vnd.in-toto+json"`)) {
				t.Errorf("%s, %s: no SBOM in the answer to %s\n%s", tt.format, tt.ledger.name, commands, out)
			}
			if out, err := b.paste(t, program, strings.ReplaceAll(commands, "release.yml", "other.yml")); err == nil {
				t.Errorf("%s, %s: another workflow is accepted by %s\n%s", tt.format, tt.ledger.name, commands, out)
			}
		}
	}
}

// paste runs commands in a shell where the program has the name that they use.
func (b *ghBench) paste(t *testing.T, program, commands string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	name := "cosign"
	if program == b.program {
		name = "gh"
	}
	if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trusted_root.json"), suite.Must(os.ReadFile(b.job.TrustedRoot))(t), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", harness.ShellTools+commands)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "GH_TOKEN=ghp_sandbox0123456789"}
	return cmd.CombinedOutput()
}
