package sbom_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/file/cataloger/executable"
	"github.com/gabriel-vasile/mimetype"

	"seal-image/internal/sbom"
)

// TestProgramType: whether a file is a program, and of which type, is seen by its first bytes as by
// all that the library takes by itself.
func TestProgramType(t *testing.T) {
	t.Parallel()
	all := heads(t)
	programs := 0
	for name, head := range all {
		for rest, tail := range tails() {
			content := append(slices.Clone(head), tail...)[:4096]
			want, got := programTypeOf(content), programTypeOf(content[:sbom.ProgramType])
			if got != want {
				t.Errorf("%s with %s behind it: %q by its beginning, %q by all of it", name, rest, got, want)
			}
			if want != "" {
				programs++
			}
		}
	}
	if programs < len(all) {
		t.Errorf("%d of %d are programs, which is too few to show anything", programs, len(all)*len(tails()))
	}
}

// programTypeOf is the type of a program; "" if it is none.
func programTypeOf(content []byte) string {
	kind, _, _ := strings.Cut(mimetype.Detect(content).String(), ";")
	if slices.Contains(executable.DefaultConfig().MIMETypes, kind) {
		return kind
	}
	return ""
}

// heads are beginnings of files: of programs, of what looks like one, and of what is told from
// others late.
func heads(t *testing.T) map[string][]byte {
	t.Helper()
	elf := func(kind byte) []byte {
		return append([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), kind, 0)
	}
	out := map[string][]byte{
		"object": elf(1), "executable": elf(2), "library": elf(3), "core": elf(4), "strange ELF": elf(9), "ELF of four bytes": []byte("\x7fELF"),
		"PE": []byte("MZ\x90\x00"), "text that begins with MZ": []byte("MZ is a prefix\n"),
		"Mach-O": []byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"), "Mach-O of 32 bits": []byte("\xfe\xed\xfa\xce\x00\x00\x00\x12"),
		"fat Mach-O": []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"), "class": []byte("\xca\xfe\xba\xbe\x00\x00\x00\x41"),
		"script": []byte("#!/bin/sh\n"), "JSON": []byte(`{"name": "app"`), "zip": []byte("PK\x03\x04"), "nothing": nil,
		"MP3": []byte("ID3\x03"), "HTML": []byte("<!DOCTYPE html>"), "text": []byte(strings.Repeat("word ", 200)),
	}
	for _, name := range []string{"MZ.txt", "\x7fELF", "\xcf\xfa\xed\xfe"} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 10, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		out["tar of "+name] = archive.Bytes()
	}
	for _, at := range []int{16, 600, 1019} {
		disguised := make([]byte, at)
		copy(disguised, elf(2))
		out[fmt.Sprintf("executable with a PDF at %d", at)] = append(disguised, "%PDF-"...)
	}
	self, err := os.Open(filepath.Clean("/proc/self/exe"))
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	head := make([]byte, 4096)
	if _, err := io.ReadFull(self, head); err != nil {
		t.Fatal(err)
	}
	out["this test"] = head
	return out
}

// tails are what may be behind it.
func tails() map[string][]byte {
	noise := make([]byte, 4096)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	return map[string][]byte{
		"zeros": make([]byte, 4096), "text": bytes.Repeat([]byte("line\n"), 1000), "noise": noise,
		"another program": bytes.Repeat([]byte("\x7fELF\x02\x01\x01\x00MZ\x90\x00"), 400),
	}
}
