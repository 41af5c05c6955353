package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// checkFiles: three files of root, none of which is a shell or has another's rights.
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
		{Name: "LICENSES.txt", Typeflag: tar.TypeReg, Mode: 0o644},
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
	checkLicenses(t, string(files["LICENSES.txt"]), files["seal-image"])
}

// TestArchive: the archive has its end, without which some readers refuse it.
func TestArchive(t *testing.T) {
	t.Parallel()
	files, err := archive(&content{roots: []byte("roots")}, "amd64", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(files)%512 != 0 || !bytes.HasSuffix(files, make([]byte, 1024)) {
		t.Errorf("%d bytes, the last are %q", len(files), files[len(files)-32:])
	}
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

// checkLicenses: the texts of each module that the program says it has, and our own, are there.
func checkLicenses(t *testing.T, texts string, program []byte) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil || len(info.Deps) < 200 {
		t.Fatalf("the program has %d modules, %v", len(info.Deps), err)
	}
	for _, m := range info.Deps {
		if !strings.Contains(texts, "\n"+m.Path+" "+m.Version+", ") {
			t.Errorf("the license of %s %s is missing", m.Path, m.Version)
		}
	}
	for _, want := range []string{"\nseal-image, LICENSE\n", "\nthe Go standard library " + info.GoVersion + ", LICENSE\n", "x509roots/fallback "} {
		if !strings.Contains(texts, want) {
			t.Errorf("%q is missing", want)
		}
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
