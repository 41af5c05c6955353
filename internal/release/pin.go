package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/mod/semver"
)

// actionFiles are the files that a user's `uses:` names.
var actionFiles = []string{"action.yml", "verify/action.yml"}

var imageLine = regexp.MustCompile(`(?m)^  image: .*$`)

// pin has both actions run an image, repository@digest, in place of the Dockerfile. It
// changes one line of each file.
func pin(root, image string) error {
	digest, err := name.NewDigest(image, name.StrictValidation)
	if err != nil {
		return err
	}
	for _, file := range actionFiles {
		file = filepath.Join(root, file)
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if n := len(imageLine.FindAll(text, -1)); n != 1 {
			return fmt.Errorf("%s has %d lines with an image, want 1", file, n)
		}
		text = imageLine.ReplaceAllLiteral(text, []byte("  image: docker://"+digest.Name()))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// version is the constant in main.go.
func version(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "main.go"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^const version = "(.+)"$`).FindSubmatch(text)
	if found == nil {
		return "", errors.New("main.go has no version")
	}
	return string(found[1]), nil
}

// notes returns the part of CHANGELOG.md about a version, after checks that it is the
// version of the code, and that the heading has its date and no other word.
func notes(root, asked string) (string, error) {
	// A pre-release would move the major tag.
	if semver.Canonical("v"+asked) != "v"+asked || semver.Prerelease("v"+asked) != "" {
		return "", fmt.Errorf("%q is no version such as 1.2.3", asked)
	}
	inCode, err := version(root)
	if err != nil {
		return "", err
	}
	if inCode != asked {
		return "", fmt.Errorf("main.go has the version %s, not %s", inCode, asked)
	}
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	heading := regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(asked) + ` \(\d{4}-\d\d-\d\d\)\n`)
	at := heading.FindIndex(text)
	if at == nil {
		return "", fmt.Errorf("CHANGELOG.md has no heading `## %s (YYYY-MM-DD)`", asked)
	}
	section, _, _ := strings.Cut(string(text[at[1]:]), "\n## ")
	return strings.TrimSpace(section) + "\n", nil
}
