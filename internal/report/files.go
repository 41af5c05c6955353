// Package report turns the result of a run into what people and later steps read: the
// outputs of the step, the files in the workspace and the job summary. It is pure.
package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"time"
	"unicode/utf16"

	"seal-image/internal/attest"
)

// ResultsFile is the name of the file with everything about a run.
const ResultsFile = "results.json"

// Files returns what is written below the folder dir of the workspace, by file name: the
// documents, the bundles and the results.
func Files(res *attest.Result, dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, doc := range res.SBOMs {
		files[sbomName(res, doc.Image)] = doc.Document
	}
	for _, b := range res.Bundles {
		files[bundleName(res, b.Statement)] = b.JSON
	}
	results, err := Results(res, dir)
	if err != nil {
		return nil, err
	}
	files[ResultsFile] = results
	return files, nil
}

// sbomName is e.g. "linux-arm-v7.spdx.json".
func sbomName(res *attest.Result, img attest.Image) string {
	return platformName(res, img.Platform.String(), img.Manifest) + ".spdx.json"
}

// bundleName is e.g. "linux-arm-v7.spdx.sigstore.json", or "signature.sigstore.json" for
// the digest that the user named.
func bundleName(res *attest.Result, st *attest.Statement) string {
	kind := "spdx.sigstore.json"
	if st.IsSignature() {
		kind = "signature.sigstore.json"
	}
	if st.About.Ref == res.Subject.Ref && st.IsSignature() || st.Platform == "" {
		return kind
	}
	return platformName(res, st.Platform, st.About) + "." + kind
}

// platformName is the platform with dashes; two manifests of one platform are told apart
// by their digests.
func platformName(res *attest.Result, platform string, m attest.Manifest) string {
	name := fileName(platform)
	for _, img := range res.Subject.Images {
		if fileName(img.Platform.String()) == name && img.Ref != m.Ref {
			return name + "-" + m.Digest().Hex[:12]
		}
	}
	return name
}

var notInFileName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// fileName replaces what a path of a step output must not have: the image tells its
// platform, and may tell anything.
func fileName(platform string) string { return notInFileName.ReplaceAllString(platform, "-") }

// results is the JSON of the output `results` and of the file results.json.
type results struct {
	Images []imageResult `json:"images"`
}

type imageResult struct {
	Image       string             `json:"image"`
	Digest      string             `json:"digest"`
	Tag         string             `json:"tag,omitempty"`
	MediaType   string             `json:"media_type"`
	Identity    string             `json:"certificate_identity,omitempty"`
	Issuer      string             `json:"certificate_oidc_issuer,omitempty"`
	Repository  string             `json:"certificate_repository,omitempty"`
	Platforms   []platformResult   `json:"platforms"`
	Attachments []attachmentResult `json:"attachments"`
}

type platformResult struct {
	Platform   string `json:"platform"`
	Digest     string `json:"digest"`
	Packages   *int   `json:"packages,omitempty"`
	SBOMPath   string `json:"sbom_path,omitempty"`
	SBOMDigest string `json:"sbom_digest,omitempty"`
}

type attachmentResult struct {
	// State is "new" for what this run attached, "logged" for what a failed run signed
	// and did not get to attach.
	State         string    `json:"state"`
	About         string    `json:"about"` // digest
	Platform      string    `json:"platform,omitempty"`
	PredicateType string    `json:"predicate_type"`
	Manifest      string    `json:"manifest,omitempty"` // digest of the referrer
	BundlePath    string    `json:"bundle_path"`
	LogIndex      int64     `json:"log_index"`
	LogURL        string    `json:"log_url"`
	LogID         string    `json:"log_id"`
	LoggedAt      time.Time `json:"log_integrated_time"`
}

// Results encodes everything about the run as compact JSON in ASCII. dir is where the
// files are, relative to the workspace.
func Results(res *attest.Result, dir string) ([]byte, error) {
	all := results{Images: []imageResult{}}
	if res.Subject != nil {
		all.Images = append(all.Images, image(res, dir))
	}
	encoded, err := json.Marshal(all) // escapes <, > and &
	if err != nil {
		return nil, err
	}
	return ascii(encoded), nil
}

func image(res *attest.Result, dir string) imageResult {
	s := res.Subject
	out := imageResult{
		Image: s.Ref.String(), Digest: s.Ref.DigestStr(), Tag: s.Tag, MediaType: string(s.MediaType),
		Identity: res.Identity.SAN, Issuer: res.Identity.Issuer, Repository: res.Identity.Repository,
		Platforms: []platformResult{}, Attachments: []attachmentResult{},
	}
	for _, img := range s.Images {
		p := platformResult{Platform: img.Platform.String(), Digest: img.Ref.DigestStr()}
		if doc := document(res, img); doc != nil {
			p.Packages = &doc.Packages
			p.SBOMPath = path.Join(dir, sbomName(res, img))
			p.SBOMDigest = digest(doc.Document)
		}
		out.Platforms = append(out.Platforms, p)
	}
	for _, b := range res.Bundles {
		out.Attachments = append(out.Attachments, attachment(res, b, dir))
	}
	return out
}

func attachment(res *attest.Result, b *attest.Bundle, dir string) attachmentResult {
	out := attachmentResult{
		State: "logged", About: b.Statement.About.Ref.DigestStr(), Platform: b.Statement.Platform,
		PredicateType: b.Statement.PredicateType, BundlePath: path.Join(dir, bundleName(res, b.Statement)),
		LogIndex: b.Entry.Index, LogURL: b.Entry.URL, LogID: b.Entry.LogID, LoggedAt: b.Entry.IntegratedTime,
	}
	if stored := res.AttachmentOf(b); stored != nil {
		out.State, out.Manifest = "new", stored.Manifest.Ref.DigestStr()
	}
	return out
}

func document(res *attest.Result, img attest.Image) *attest.SBOM {
	for _, doc := range res.SBOMs {
		if doc.Image.Ref == img.Ref && doc.Image.Platform.Equals(img.Platform) {
			return doc
		}
	}
	return nil
}

// digest is the SHA-256 of b as "sha256:<hex>".
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ascii replaces other characters in JSON strings by their escapes, which is the same
// JSON: a step output is one line of ASCII.
func ascii(encoded []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(encoded) {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) { // RFC 8259, section 7
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}
