package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

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
	t := &tree{workspace: workspace, folder: folder}
	for dir := folder; dir != "."; dir = filepath.Dir(dir) {
		t.made = append(t.made, dir)
	}
	// A folder that is there already may have its own.
	if _, err := workspace.Lstat(filepath.Join(folder, ".gitignore")); errors.Is(err, fs.ErrNotExist) {
		if err := t.write(".gitignore", []byte("*\n")); err != nil {
			return writeProblem(folder, err)
		}
	}
	for name, data := range files {
		err := t.write(name, data)
		switch {
		case isFull(err):
			return noRoom(workspace, filepath.Join(folder, name), files, err)
		case err != nil:
			return writeProblem(filepath.Join(folder, name), err)
		}
	}
	if err := giveAway(workspace, t.made); err != nil {
		return writeProblem(folder, err)
	}
	return nil
}

// tree is a folder of the workspace that files are written to.
type tree struct {
	workspace *os.Root
	folder    string
	made      []string // files and folders
}

func (t *tree) write(name string, data []byte) error {
	name = filepath.Join(t.folder, filepath.Join("/", name)) // ".." ends at folder
	if dir := filepath.Dir(name); !slices.Contains(t.made, dir) {
		if err := t.workspace.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		t.made = append(t.made, dir)
	}
	t.made = append(t.made, name)
	return replace(t.workspace, name, data)
}

// replace writes a file as a whole: what is there stays until all of the new is on disk.
func replace(workspace *os.Root, name string, data []byte) error {
	if there, err := workspace.Lstat(name); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("%s is there, and no file", name)
	}
	part := name + ".part"
	err := workspace.WriteFile(part, data, 0o644)
	if err == nil {
		err = workspace.Rename(part, name)
	}
	if err != nil {
		_ = workspace.Remove(part) // err says what matters
	}
	return err
}

// isFull reports whether a disk takes no more.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// noRoom says how much there was to write, and how much room there is.
func noRoom(workspace *os.Root, name string, files map[string][]byte, err error) error {
	bytes := 0
	for _, data := range files {
		bytes += len(data)
	}
	p := writeProblem(name, err)
	var disk unix.Statfs_t
	if unix.Statfs(workspace.Name(), &disk) == nil {
		free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block has a positive size
		p.Why = fmt.Sprintf("%s; there were %d KiB to write in all, and %d KiB are free now.", err, (bytes+1023)>>10, free>>10)
	}
	return p
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

func writeProblem(name string, err error) *problem.Problem {
	return &problem.Problem{
		Code: problem.RunnerFiles,
		What: fmt.Sprintf("%s cannot be written in the workspace.", name),
		Why:  err.Error(),
		Fix:  "Check the free space of the runner, and that no earlier step left something else at the path of output-dir.",
		Err:  err,
	}
}
