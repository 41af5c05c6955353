package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"

	"seal-image/internal/problem"
)

const (
	maxSubjects     = 500     // of a job
	maxSubjectsList = 4 << 20 // bytes of the list of them
)

// subjectLine is what the runner takes in the file. Another line fails the step.
var subjectLine = regexp.MustCompile(`^oci://[^\s=@]+@sha256:[0-9a-f]{64}$`)

// DeclareImage tells the later steps of the job about an image, by its repository without tag
// and its digest ("sha256:<hex>"): actions/attest has it for a subject when it is given none.
// It reports whether it did. Runners before v2.336 offer no file for that; and a repository has
// room for one digest in a job.
// Source: https://github.com/actions/runner/pull/4527
func (j *Job) DeclareImage(repository, digest string) (bool, error) {
	line := "oci://" + repository + "@" + digest
	path := j.getenv("GITHUB_ARTIFACTS")
	if path == "" || !subjectLine.MatchString(line) || !j.declarable(repository, digest) {
		return false, nil
	}
	err := appendLine(path, line)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, &problem.Problem{
			Code: problem.RunnerFiles,
			What: "The later steps of the job are not told about the image.",
			Why:  "The runner's file behind GITHUB_ARTIFACTS cannot be written. Nothing else is missing.",
			Fix:  "Give those steps what they need by the outputs `image` and `digest`, e.g. as `subject-name` and `subject-digest` of actions/attest.",
			Err:  err,
		}
	}
	return true, nil
}

// declarable reports whether the job has room for the image. What earlier steps have declared
// is in another file of the runner; without one that can be read, they have declared nothing.
func (j *Job) declarable(repository, digest string) bool {
	type subject struct{ Name, Digest string }
	var list struct{ Subjects []subject }
	f, err := os.Open(j.getenv("GITHUB_ARTIFACTS_LIST"))
	if err != nil {
		return true
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, maxSubjectsList)).Decode(&list) != nil {
		return true
	}
	i := slices.IndexFunc(list.Subjects, func(s subject) bool { return s.Name == repository })
	if i >= 0 {
		return list.Subjects[i].Digest == digest
	}
	return len(list.Subjects) < maxSubjects
}

// appendLine adds a line to a file that exists, in one write.
func appendLine(path, line string) (err error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = io.WriteString(f, line+"\n")
	return err
}
