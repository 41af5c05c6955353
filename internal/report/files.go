// Package report turns the result of a run into what people and later steps read: the
// outputs of the step, the files in the workspace, the job summary and the last lines of the
// log. It is pure.
package report

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"seal-image/internal/attest"
)

// ResultsFile is the name of the file with everything about a run.
const ResultsFile = "results.json"

// Files returns what is written below the folder dir of the workspace, by path: the
// documents, the bundles and the results. With several images, each has a folder.
func Files(res *attest.Result, dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, s := range res.Seals {
		n := namesOf(res, s)
		for _, sbom := range s.SBOMs {
			for _, doc := range sbom.Documents {
				files[n.document(sbom, doc.Format)] = doc.Bytes
			}
		}
		for _, b := range s.Bundles {
			files[n.bundle(b.Statement)] = b.JSON
		}
	}
	results, err := Results(res, dir)
	if err != nil {
		return nil, err
	}
	files[ResultsFile] = results
	return files, nil
}

// The ends of the names of bundles, and of those that are made of a signature for older verifiers.
const (
	bundleSuffix = ".sigstore.json"
	legacyBundle = ".legacy.sigstore.json"
)

// maxArtifactName bounds the name of an artifact, which others may add to.
const maxArtifactName = 120

// ArtifactName is e.g. "app-0123456789ab", after the first image. Its digest is never cut.
func ArtifactName(res *attest.Result) string {
	name := folder(res.Seals[0].Subject)
	return strings.TrimLeft(name[max(0, len(name)-maxArtifactName):], ".-_")
}

// names gives the files of one image their names.
type names struct {
	subject *attest.Subject
	folder  string // empty where the run has one image
}

func namesOf(res *attest.Result, s *attest.Seal) names {
	subjects := make([]*attest.Subject, len(res.Seals))
	for i, other := range res.Seals {
		subjects[i] = other.Subject
	}
	return namesAmong(subjects, slices.Index(res.Seals, s))
}

// namesAmong are the names of one of the images of a run; what could not be resolved is nil.
func namesAmong(subjects []*attest.Subject, i int) names {
	n := names{subject: subjects[i]}
	if len(subjects) == 1 || n.subject == nil {
		return n
	}
	n.folder = folder(n.subject)
	same := 1
	for _, other := range subjects[:i] {
		if other != nil && folder(other) == n.folder {
			same++
		}
	}
	if same > 1 { // the same image in another repository
		n.folder += fmt.Sprintf("-%d", same)
	}
	return n
}

// folder is e.g. "app-0123456789ab".
func folder(s *attest.Subject) string { return lastPart(s) + "-" + s.Digest().Hex[:12] }

// lastPart of the image's name is e.g. "app".
func lastPart(s *attest.Subject) string { return fileName(path.Base(s.Ref.Context().RepositoryStr())) }

// document is e.g. "linux-arm-v7.spdx.json".
func (n names) document(sbom *attest.SBOM, f attest.Format) string {
	return path.Join(n.folder, n.platform(sbom.Image.Platform.String(), sbom.Image.Manifest)+f.Extension())
}

// bundle is e.g. "linux-arm-v7.spdx.sigstore.json", or "signature.sigstore.json" and
// "provenance.sigstore.json" for the digest that the user named.
func (n names) bundle(st *attest.Statement) string {
	parts := []string{n.platform(st.Platform, st.About), "signature"}
	switch {
	case st.IsSignature() && st.About.Ref == n.subject.Ref:
		parts = parts[1:]
	case st.IsProvenance(): // there is one for an image
		parts = []string{"provenance"}
	case st.PredicateType == attest.SPDXPredicateType:
		parts[1] = "spdx"
	case st.PredicateType == attest.CycloneDXPredicateType:
		parts[1] = "cdx"
	}
	suffix := bundleSuffix
	if st.IsSimpleSigning() {
		suffix = legacyBundle
	}
	return path.Join(n.folder, strings.Join(parts, ".")+suffix)
}

// platform is the platform with dashes, or "index"; two manifests of one platform are told
// apart by their digests, and so is one that calls its platform "index".
func (n names) platform(platform string, m attest.Manifest) string {
	const index = "index"
	if platform == "" {
		return index
	}
	name := fileName(platform)
	same := func(img attest.Image) bool { return fileName(img.Platform.String()) == name && img.Ref != m.Ref }
	if name == index || slices.ContainsFunc(n.subject.Images, same) {
		return name + "-" + m.Digest().Hex[:12]
	}
	return name
}

var notInFileName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// fileName replaces what a path of a step output must not have: the image tells its
// platform, and may tell anything.
func fileName(platform string) string { return notInFileName.ReplaceAllString(platform, "-") }
