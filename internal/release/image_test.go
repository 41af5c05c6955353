package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	repository = "../.."
	epoch      = "1700000000"
)

// TestImage builds the image twice, in different folders, by users with different settings.
func TestImage(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(t.TempDir(), "release")
	if _, err := command(t.Context(), ".", nil, "build", "-o", tool, "."); err != nil {
		t.Fatal(err)
	}
	elsewhere := copyTree(t)
	first := buildWith(t, tool, repository, "umask 022", "TZ=UTC")
	second := buildWith(t, tool, elsewhere, "umask 077", "TZ=Asia/Kolkata", "LANG=tr_TR.UTF-8", "GOAMD64=v3", "GOFLAGS=-tags=other")
	digests := [2]v1.Hash{}
	for i, index := range []v1.ImageIndex{first, second} {
		var err error
		if digests[i], err = index.Digest(); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds differ: %v", digests)
	}
	checkIndex(t, second)
}

// copyTree copies what the build reads to another folder. That this test opens each file also
// has go test run it again when one has changed.
func copyTree(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	files, err := filepath.Glob(repository + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, repository+"/go.mod", repository+"/go.sum") {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(to, "internal"), os.DirFS(repository+"/internal")); err != nil {
		t.Fatal(err)
	}
	return to
}

func buildWith(t *testing.T, tool, tree, umask string, env ...string) v1.ImageIndex {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", umask+` && exec "$0" "$@"`,
		tool, "build", "-out", out, "-source", "https://github.com/acme/seal-image", "-revision", "0123")
	cmd.Dir = tree
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH="+epoch), env...)
	words, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, words)
	}
	t.Logf("%s", words)
	index, err := read(out)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func checkIndex(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []v1.Platform
	for _, m := range manifest.Manifests {
		found = append(found, *m.Platform)
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkConfig(t, img, *m.Platform)
		checkFiles(t, img, m.Platform.Architecture)
	}
	want := []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if manifest.MediaType != types.OCIImageIndex || manifest.Annotations["org.opencontainers.image.revision"] != "0123" {
		t.Errorf("index: %s, %v", manifest.MediaType, manifest.Annotations)
	}
}

func checkConfig(t *testing.T, img v1.Image, platform v1.Platform) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	inCode, err := version(repository)
	if err != nil {
		t.Fatal(err)
	}
	// Neither User nor Cmd, and no variable.
	want := v1.Config{Entrypoint: []string{"/seal-image"}, Labels: map[string]string{
		"org.opencontainers.image.title":       "seal-image",
		"org.opencontainers.image.description": "GitHub action that signs container images and attaches signed SBOMs",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     inCode,
		"org.opencontainers.image.created":     "2023-11-14T22:13:20Z",
		"org.opencontainers.image.source":      "https://github.com/acme/seal-image",
		"org.opencontainers.image.revision":    "0123",
	}}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config of %s (-want +got):\n%s", platform, diff)
	}
	if config.OS != platform.OS || config.Architecture != platform.Architecture || config.Created.Unix() != 1700000000 {
		t.Errorf("config of %s: %s/%s of %s", platform, config.OS, config.Architecture, config.Created)
	}
}

// checkFiles: two files of root, none of which is a shell or has another's rights.
func checkFiles(t *testing.T, img v1.Image, architecture string) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	headers, files := untar(t, content)
	for i := range headers {
		if h := headers[i]; h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 1700000000 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		headers[i] = tar.Header{Name: headers[i].Name, Typeflag: headers[i].Typeflag, Mode: headers[i].Mode}
	}
	want := []tar.Header{
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/ssl/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/ssl/certs/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/ssl/certs/ca-certificates.crt", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "seal-image", Typeflag: tar.TypeReg, Mode: 0o755},
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("files for %s (-want +got):\n%s", architecture, diff)
	}
	checkRoots(t, files["etc/ssl/certs/ca-certificates.crt"])
	checkProgram(t, files["seal-image"], architecture)
}

func untar(t *testing.T, content io.Reader) (headers []tar.Header, files map[string][]byte) {
	t.Helper()
	files = map[string][]byte{}
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, files
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, *h)
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRoots: the file has authorities alone, enough for the hosts that the action talks to.
func checkRoots(t *testing.T, text []byte) {
	t.Helper()
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !cert.IsCA {
			t.Errorf("certificate %d: %v", n, err)
		}
		n++
	}
	if n < 100 {
		t.Errorf("%d root certificates", n)
	}
}

// checkProgram: it needs no file of the system, and runs.
func checkProgram(t *testing.T, program []byte, architecture string) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if file.Machine != machines[architecture] {
		t.Errorf("the program for %s is for %s", architecture, file.Machine)
	}
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }) {
		t.Errorf("the program for %s is not static", architecture)
	}
	if architecture != runtime.GOARCH {
		return // checked as a file above; the processor cannot run it
	}
	path := filepath.Join(t.TempDir(), "seal-image")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "verify")
	cmd.Env = []string{"GITHUB_ACTIONS=true"}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "image: it is required") {
		t.Errorf("verify without inputs: %v\n%s", err, out)
	}
}

// TestSourceDate: 1970 without SOURCE_DATE_EPOCH, and no guess at what is no number.
func TestSourceDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "0": 0, epoch: 1700000000} {
		if got, err := sourceDate(text); err != nil || got.Unix() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := sourceDate("yesterday"); err == nil {
		t.Error("yesterday is taken for a time")
	}
}

// TestDockerfile: the runner's build of a branch makes what a release contains.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := readFile(t, repository+"/Dockerfile")
	compiled := regexp.MustCompile(`(?m)^ENV CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly\nRUN go (build .*?) -o `).FindStringSubmatch(text)
	if compiled == nil || strings.ReplaceAll(compiled[1], "'", "") != strings.Join(buildArgs, " ") {
		t.Errorf("Dockerfile compiles with %q, this program with %q", compiled, buildArgs)
	}
	goVersion := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, repository+"/go.mod"))
	image := regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:([0-9.]+)-bookworm@sha256:[0-9a-f]{64}$`).FindStringSubmatch(text)
	if goVersion == nil || image == nil || goVersion[1] != image[1] {
		t.Errorf("go.mod wants Go %q, Dockerfile has %q", goVersion, image)
	}
	// The runner's docker may be one without BuildKit.
	if found := regexp.MustCompile(`(?m)^# syntax=|--mount|--chmod|<<`).FindString(text); found != "" {
		t.Errorf("Dockerfile uses %q", found)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
