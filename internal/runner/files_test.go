package runner_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/problem"
)

// tree returns the content of the files below dir, by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files[rel] = read(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteFiles(t *testing.T) {
	t.Parallel()
	job, _, getenv := newJob(t, nil)
	for _, content := range []string{"first, longer", "second"} { // a second run overwrites
		if err := job.WriteFiles("out/sbom", map[string][]byte{"results.json": []byte(content), "app/index.json": []byte(content), "../../escape": []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"out/sbom/.gitignore":     "*\n",
		"out/sbom/results.json":   "second",
		"out/sbom/app/index.json": "second",
		"out/sbom/escape":         "x",
	}
	if diff := cmp.Diff(want, tree(t, getenv("GITHUB_WORKSPACE"))); diff != "" {
		t.Errorf("workspace (-want +got):\n%s", diff)
	}
}

// TestWriteFilesOwner: as root, what is written belongs to whom the workspace belongs.
func TestWriteFilesOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	job, _, getenv := newJob(t, nil)
	workspace := getenv("GITHUB_WORKSPACE")
	const uid, gid = 12345, 23456
	if err := os.Chown(workspace, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := job.WriteFiles("out/sbom", map[string][]byte{"results.json": nil, "app/index.json": nil}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "out/sbom", "out/sbom/.gitignore", "out/sbom/results.json", "out/sbom/app", "out/sbom/app/index.json"} {
		info, err := os.Stat(filepath.Join(workspace, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != uid || s.Gid != gid {
			t.Errorf("%s belongs to %d:%d", name, s.Uid, s.Gid)
		}
	}
}

// TestWriteFilesSymlink: an earlier step, or a file of the repository, cannot lead what
// root writes out of the workspace.
func TestWriteFilesSymlink(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, workspace, outside string){
		"folder": func(t *testing.T, workspace, outside string) {
			symlink(t, outside, filepath.Join(workspace, "out"))
		},
		"parent folder": func(t *testing.T, workspace, outside string) {
			symlink(t, filepath.Dir(outside), filepath.Join(workspace, "out"))
		},
		"relative": func(t *testing.T, workspace, _ string) {
			symlink(t, "../outside", filepath.Join(workspace, "out"))
		},
		"file": func(t *testing.T, workspace, outside string) {
			if err := os.Mkdir(filepath.Join(workspace, "out"), 0o755); err != nil {
				t.Fatal(err)
			}
			symlink(t, filepath.Join(outside, "precious"), filepath.Join(workspace, "out", "results.json"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, _, getenv := newJob(t, nil)
			workspace := getenv("GITHUB_WORKSPACE")
			outside := filepath.Join(filepath.Dir(workspace), "outside")
			if err := os.Mkdir(outside, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outside, "precious"), []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
			prepare(t, workspace, outside)
			_ = wantProblem(t, job.WriteFiles("out", map[string][]byte{"results.json": []byte("x")}), problem.RunnerFiles)
			if diff := cmp.Diff(map[string]string{"precious": "precious"}, tree(t, outside)); diff != "" {
				t.Errorf("outside of the workspace (-want +got):\n%s", diff)
			}
		})
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFilesRefused(t *testing.T) {
	t.Parallel()
	job, _, getenv := newJob(t, nil)
	if err := os.WriteFile(filepath.Join(getenv("GITHUB_WORKSPACE"), "out"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_ = wantProblem(t, job.WriteFiles("out", nil), problem.RunnerFiles)
	_ = wantProblem(t, job.WriteFiles("../elsewhere", nil), problem.RunnerFiles)

	job, _, _ = newJob(t, map[string]string{"GITHUB_WORKSPACE": "/no/such/folder"})
	_ = wantProblem(t, job.WriteFiles("out", nil), problem.RunnerFiles)
}

// A folder that is in the repository keeps the .gitignore that it has there.
func TestWriteFilesKeepsGitignore(t *testing.T) {
	t.Parallel()
	job, _, getenv := newJob(t, nil)
	own := filepath.Join(getenv("GITHUB_WORKSPACE"), "docs", ".gitignore")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("*.tmp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := job.WriteFiles("docs", map[string][]byte{"results.json": []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(own); err != nil || string(content) != "*.tmp\n" {
		t.Errorf(".gitignore is %q, %v", content, err)
	}
}
