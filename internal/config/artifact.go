package config

import (
	"strconv"
	"strings"
	"unicode"
)

// Artifact is what becomes of the files of the run.
type Artifact struct {
	Upload    bool
	Required  bool   // a step input asks for it: the run fails where it cannot be done
	Name      string // empty: made of the image's name
	Retention int    // days; 0: what the repository has
}

const (
	notInArtifactName = "\":<>|*?\\/"
	maxArtifactName   = 250 // bytes: people download NAME.zip, and a file's name has 255
	maxRetention      = 400 // days; GitHub's limit for any repository
)

func (r *reader) artifact() Artifact {
	a := Artifact{Upload: true, Name: r.artifactName(), Retention: r.retention()}
	if r.text("upload-artifact") != "" {
		a.Upload, a.Required = r.flag("upload-artifact"), true
	}
	if r.text("artifact-name") != "" || r.text("upload-artifact-retention") != "" {
		a.Required = true
	}
	return a
}

// artifactName is one that GitHub takes.
// Source: https://github.com/actions/toolkit/tree/main/packages/artifact
func (r *reader) artifactName() string {
	const input, example = "artifact-name", "artifact-name: sbom-linux-amd64"
	name := r.text(input)
	switch {
	case strings.ContainsAny(name, notInArtifactName):
		r.wrong(input, quote(name)+" has one of the characters "+strings.Join(strings.Split(notInArtifactName, ""), " ")+" in it", example)
	case strings.ContainsFunc(name, unicode.IsControl) || strings.ToValidUTF8(name, "") != name:
		r.wrong(input, quote(name)+" is not one line of text", example)
	case len(name) > maxArtifactName:
		r.wrong(input, quote(name)+" is longer than "+strconv.Itoa(maxArtifactName)+" bytes", example)
	}
	return name
}

func (r *reader) retention() int {
	const input = "upload-artifact-retention"
	v := r.text(input)
	if v == "" {
		return 0
	}
	days, err := strconv.Atoi(v)
	if err != nil || days < 0 || days > maxRetention {
		r.wrong(input, quote(v)+" is not a number of days from 1 to "+strconv.Itoa(maxRetention), input+": 30")
	}
	return days
}
