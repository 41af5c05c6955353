package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seal-image/internal/problem"
)

const digest = "sha256:8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b8f6a3c1e0b5d4f7a9c2e1d0b"

func TestDeclareImage(t *testing.T) {
	t.Parallel()
	full := `{"version":1,"subjects":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a","digest":"b"},`, 500), ",") + "]}"
	listed := func(name, digest string) string {
		return fmt.Sprintf(`{"version":1,"subjects":[{"name":"dist.tgz","digest":"sha256:1","kind":"file"},{"name":%q,"digest":%q,"kind":"oci"}]}`, name, digest)
	}
	for name, tt := range map[string]struct {
		repository, digest string
		list               string // of earlier steps; empty: no file
		before, after      string // what the step's file has
	}{
		"first":           {"ghcr.io/acme/app", digest, "", "", "oci://ghcr.io/acme/app@" + digest + "\n"},
		"port":            {"registry:5000/acme/app", digest, "", "", "oci://registry:5000/acme/app@" + digest + "\n"},
		"another line":    {"ghcr.io/acme/app", digest, "", "dist.tgz\n", "dist.tgz\noci://ghcr.io/acme/app@" + digest + "\n"},
		"unfinished line": {"ghcr.io/acme/app", digest, "", "dist.tgz", "dist.tgz\noci://ghcr.io/acme/app@" + digest + "\n"},
		"no list":         {"ghcr.io/acme/app", digest, "not JSON", "", "oci://ghcr.io/acme/app@" + digest + "\n"},
		"known":           {"ghcr.io/acme/app", digest, listed("ghcr.io/acme/app", digest), "", "oci://ghcr.io/acme/app@" + digest + "\n"},
		"similar name":    {"ghcr.io/acme/app", digest, listed("ghcr.io/acme/app2", "sha256:2"), "", "oci://ghcr.io/acme/app@" + digest + "\n"},

		"another digest":            {"ghcr.io/acme/app", digest, listed("ghcr.io/acme/app", "sha256:2"), "", ""},
		"no room":                   {"ghcr.io/acme/app", digest, full, "", ""},
		"equals sign":               {"ghcr.io/acme/app=b", digest, "", "", ""},
		"space":                     {"ghcr.io/acme/app b", digest, "", "", ""},
		"line break":                {"ghcr.io/acme/app\nb", digest, "", "", ""},
		"no name":                   {"", digest, "", "", ""},
		"second at":                 {"ghcr.io/acme/app@sha256:1", digest, "", "", ""},
		"digest in capital letters": {"ghcr.io/acme/app", strings.ToUpper(digest), "", "", ""},
		"digest cut":                {"ghcr.io/acme/app", digest[:70], "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, list := filepath.Join(dir, "artifacts"), filepath.Join(dir, "artifacts_list")
			store(t, file, tt.before)
			if tt.list != "" {
				store(t, list, tt.list)
			}
			job, _, _ := newJob(t, map[string]string{"GITHUB_ARTIFACTS": file, "GITHUB_ARTIFACTS_LIST": list})
			declared, err := job.DeclareImage(tt.repository, tt.digest)
			if got := read(t, file); err != nil || declared != (got != tt.before) || got != tt.after {
				t.Errorf("DeclareImage: %v, %v; the file has %q, want %q", declared, err, got, tt.after)
			}
		})
	}
}

func TestDeclareImageWithoutFile(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		job, _, _ := newJob(t, map[string]string{"GITHUB_ARTIFACTS": path})
		if declared, err := job.DeclareImage("ghcr.io/acme/app", digest); declared || err != nil {
			t.Errorf("file %q: %v, %v", path, declared, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("file %q was made", path)
		}
	}
	job, _, _ := newJob(t, map[string]string{"GITHUB_ARTIFACTS": t.TempDir()})
	if declared, err := job.DeclareImage("ghcr.io/acme/app", digest); declared || problem.From(err).Code != problem.RunnerFiles {
		t.Errorf("a folder: %v, %v", declared, err)
	}
}

func store(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
