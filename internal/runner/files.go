package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"seal-image/internal/problem"
)

// WriteFiles writes files, by their path below it, into a folder below the workspace, which
// gets a .gitignore so that they are not committed by accident. They belong to the owner of
// the workspace: we are root, and later steps, `git clean` of the next job among them, are
// not.
func (j *Job) WriteFiles(folder string, files map[string][]byte) error {
	workspace, err := os.OpenRoot(j.getenv("GITHUB_WORKSPACE"))
	if err != nil {
		return writeProblem(folder, err)
	}
	defer workspace.Close()
	if err := workspace.MkdirAll(folder, 0o755); err != nil {
		return writeProblem(folder, err)
	}
	written := []string{}
	for dir := folder; dir != "."; dir = filepath.Dir(dir) {
		written = append(written, dir)
	}
	write := func(name string, data []byte) error {
		name = filepath.Join(folder, filepath.Join("/", name)) // ".." ends at folder
		if dir := filepath.Dir(name); !slices.Contains(written, dir) {
			if err := workspace.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			written = append(written, dir)
		}
		written = append(written, name)
		return workspace.WriteFile(name, data, 0o644)
	}
	// A folder that is there already may have its own.
	if _, err := workspace.Lstat(filepath.Join(folder, ".gitignore")); errors.Is(err, fs.ErrNotExist) {
		if err := write(".gitignore", []byte("*\n")); err != nil {
			return writeProblem(folder, err)
		}
	}
	for name, data := range files {
		if err := write(name, data); err != nil {
			return writeProblem(filepath.Join(folder, name), err)
		}
	}
	if err := giveAway(workspace, written); err != nil {
		return writeProblem(folder, err)
	}
	return nil
}

// giveAway changes the owner to that of the workspace, where we may.
func giveAway(workspace *os.Root, names []string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := workspace.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	for _, name := range names {
		if err := workspace.Lchown(name, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

func writeProblem(name string, err error) error {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("%s cannot be written in the workspace.", name),
		Why:  err.Error(),
		Fix:  "Check the free space of the runner, and that no earlier step left something else at the path of output-dir.",
		Err:  err,
	}
}
