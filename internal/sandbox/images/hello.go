package images

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// hello builds the fixture hello for linux on arch. Its packages are what `go version -m` prints: unlike those of
// the other fixtures they depend on the toolchain, through the version of the standard library.
func (b *Builder) hello(ctx context.Context, arch string) (part, error) {
	if p, ok := b.binaries[arch]; ok {
		return p, nil
	}
	dir, err := os.MkdirTemp("", "hello")
	if err != nil {
		return part{}, fmt.Errorf("make folder to build hello: %w", err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "hello")
	if err := b.compileHello(ctx, arch, binary); err != nil {
		return part{}, err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return part{}, fmt.Errorf("read hello for %s: %w", arch, err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return part{}, fmt.Errorf("read build information of hello for %s: %w", arch, err)
	}
	p := part{
		step:     "COPY hello /usr/local/bin/hello",
		files:    []file{{path: "usr/local/bin/hello", mode: 0o755, data: data}},
		packages: modulesOf(info),
	}
	b.binaries[arch] = p
	return p, nil
}

// modulesOf lists the modules of a binary. The main module of a build outside a release has no version: Go says
// "(devel)", which is no version that a package URL could carry, and Syft's documents say UNKNOWN.
func modulesOf(info *buildinfo.BuildInfo) []string {
	version := info.Main.Version
	if version == "(devel)" {
		version = "UNKNOWN"
	}
	modules := []string{"golang " + info.Main.Path + " " + version, "golang stdlib " + info.GoVersion}
	for _, dep := range info.Deps {
		modules = append(modules, "golang "+dep.Path+" "+dep.Version)
	}
	return modules
}

// compileHello leaves nothing to the caller's environment that would change the binary.
func (b *Builder) compileHello(ctx context.Context, arch, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	cmd.Dir = filepath.Join(b.fixtures, "hello")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0",
		"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build hello for %s: %w\n%s", arch, err, out)
	}
	return nil
}
