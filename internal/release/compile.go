package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// platforms are those of GitHub's Linux runners.
var platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

// buildArgs are those of the Dockerfile; a test compares.
var buildArgs = []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}

// buildEnv is what may not come from the machine, since it changes what is compiled.
var buildEnv = []string{
	"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly",
	"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off",
}

// content is what the images consist of.
type content struct {
	roots    []byte            // PEM
	licenses []byte            // the texts of all licenses
	program  map[string][]byte // by architecture
}

// compile builds the action below root for all platforms, and makes the root certificates and
// the license texts. It needs an empty folder.
func compile(ctx context.Context, root, work string) (*content, error) {
	c := &content{program: map[string][]byte{}}
	for _, p := range platforms {
		file := filepath.Join(work, p.Architecture)
		args := append(append([]string{}, buildArgs...), "-o", file, ".")
		if _, err := command(ctx, root, append(buildEnv, "GOOS="+p.OS, "GOARCH="+p.Architecture), args...); err != nil {
			return nil, err
		}
		program, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c.program[p.Architecture] = program
	}
	var err error
	if c.roots, err = command(ctx, root, buildEnv, "run", "./internal/roots"); err != nil {
		return nil, err
	}
	c.licenses, err = command(ctx, root, buildEnv, "run", "./internal/licenses")
	return c, err
}

// command runs go in a folder, with changes to the environment, and returns what it prints.
func command(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	var words bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, &words
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, words.Bytes())
	}
	return out, nil
}
