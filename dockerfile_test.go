package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDockerfile: what the image is built from is all of the package.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	copied, entering := read(t, "Dockerfile"), read(t, ".dockerignore")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if !strings.Contains(copied, " "+file+" ") || !strings.Contains(entering, "\n!"+file+"\n") {
			t.Errorf("%s is not in Dockerfile, or not in .dockerignore", file)
		}
	}
}
