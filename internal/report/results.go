package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"time"
	"unicode/utf16"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// results is the JSON of the output `results` and of the file results.json.
type results struct {
	Images  []imageResult  `json:"images"`
	Release *releaseResult `json:"release,omitempty"`
}

// releaseResult is what files were attached to.
type releaseResult struct {
	Tag    string        `json:"tag"`
	URL    string        `json:"url"`
	Assets []assetResult `json:"assets"`
}

type assetResult struct {
	Name  string `json:"name"`
	State string `json:"state"` // "new", "replaced" (another of that name) or "existing" (left alone)
}

type imageResult struct {
	Image       string             `json:"image"`
	Digest      string             `json:"digest"`
	Tags        []string           `json:"tags,omitempty"`
	MediaType   string             `json:"media_type"`
	Error       problem.Code       `json:"error,omitempty"` // why a failed run did not seal it
	Identity    string             `json:"certificate_identity,omitempty"`
	Issuer      string             `json:"certificate_oidc_issuer,omitempty"`
	Repository  string             `json:"certificate_repository,omitempty"`
	Packages    *int               `json:"packages,omitempty"` // of all platforms together
	Platforms   []platformResult   `json:"platforms"`
	Documents   []documentResult   `json:"documents,omitempty"` // about the index
	Attachments []attachmentResult `json:"attachments"`
}

type platformResult struct {
	Platform  string           `json:"platform"`
	Digest    string           `json:"digest"`
	Packages  *int             `json:"packages,omitempty"`
	Documents []documentResult `json:"documents,omitempty"`
}

type documentResult struct {
	Format string `json:"format"`
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

type attachmentResult struct {
	// State is "new", "existing" or "skipped" (the registry refused it). What a failed run
	// did not get to store is "logged" if it is signed, else "planned".
	State         string     `json:"state"`
	Form          string     `json:"form"`  // bundle, sig, att, referrer or tag
	About         string     `json:"about"` // digest
	Platform      string     `json:"platform,omitempty"`
	PredicateType string     `json:"predicate_type,omitempty"`
	Format        string     `json:"format,omitempty"`   // of an unsigned document
	Manifest      string     `json:"manifest,omitempty"` // digest of the referrer, or behind the tag
	BundlePath    string     `json:"bundle_path,omitempty"`
	LogIndex      *int64     `json:"log_index,omitempty"`
	LogURL        string     `json:"log_url,omitempty"`
	LogID         string     `json:"log_id,omitempty"`
	LoggedAt      *time.Time `json:"log_integrated_time,omitempty"`
	URL           string     `json:"attestation_url,omitempty"` // of GitHub's page, if this run has stored it there
}

// Results encodes everything about the run as compact JSON in ASCII. dir is where the
// files are, relative to the workspace.
func Results(res *attest.Result, dir string) ([]byte, error) {
	all := results{Images: []imageResult{}}
	for _, s := range res.Seals {
		all.Images = append(all.Images, image(res, s, dir))
	}
	if r := res.Release; r != nil {
		all.Release = &releaseResult{Tag: r.Tag, URL: r.URL}
		for _, a := range r.Assets {
			all.Release.Assets = append(all.Release.Assets, assetResult{Name: a.Name, State: string(a.State)})
		}
	}
	encoded, err := json.Marshal(all) // escapes <, > and &
	if err != nil {
		return nil, err
	}
	return ascii(encoded), nil
}

func image(res *attest.Result, s *attest.Seal, dir string) imageResult {
	if s.Subject == nil {
		return imageResult{Image: s.Ref, Error: problem.From(s.Err).Code, Platforms: []platformResult{}, Attachments: []attachmentResult{}}
	}
	n := namesOf(res, s)
	out := imageResult{
		Image: s.Subject.Ref.String(), Digest: s.Subject.Ref.DigestStr(), Tags: s.Subject.Tags, MediaType: string(s.Subject.MediaType),
		Identity: res.Identity.SAN, Issuer: res.Identity.Issuer, Repository: res.Identity.Repository,
		Platforms: []platformResult{}, Attachments: []attachmentResult{},
	}
	if s.Err != nil {
		out.Error = problem.From(s.Err).Code
	}
	if count, ok := packages(s); ok {
		out.Packages = &count
	}
	for _, img := range s.Subject.Images {
		p := platformResult{Platform: img.Platform.String(), Digest: img.Ref.DigestStr()}
		if sbom := s.SBOMOf(img); sbom != nil {
			p.Packages, p.Documents = &sbom.Packages, documents(n, sbom, dir)
		}
		out.Platforms = append(out.Platforms, p)
	}
	if sbom := s.SBOM(); sbom != nil && s.Subject.IsIndex() && sbom.Image.Ref == s.Subject.Ref {
		out.Documents = documents(n, sbom, dir)
	}
	for _, a := range s.Attachments {
		out.Attachments = append(out.Attachments, attachment(n, a, dir))
	}
	return out
}

func documents(n names, sbom *attest.SBOM, dir string) []documentResult {
	var out []documentResult
	for _, doc := range sbom.Documents {
		out = append(out, documentResult{Format: string(doc.Format), Path: path.Join(dir, n.document(sbom, doc.Format)), Digest: digest(doc.Bytes)})
	}
	return out
}

func attachment(n names, a *attest.Attachment, dir string) attachmentResult {
	out := attachmentResult{State: string(a.State), Form: string(a.Form), About: a.About.Ref.DigestStr()}
	if a.InRegistry() {
		out.Manifest = a.Manifest.Ref.DigestStr()
	}
	if a.Bundle == nil {
		out.Format = string(a.Document.Format)
		return out
	}
	st, entry := a.Bundle.Statement, a.Bundle.Entry
	if a.State == attest.Planned {
		out.State = "logged"
	}
	out.Platform, out.PredicateType = st.Platform, st.PredicateType
	out.BundlePath = path.Join(dir, n.bundle(st))
	out.URL = a.Bundle.Page
	out.LogIndex, out.LogURL, out.LogID = &entry.Index, entry.URL, entry.LogID
	if !entry.IntegratedTime.IsZero() {
		out.LoggedAt = &entry.IntegratedTime
	}
	return out
}

// packages counts those of all platforms; ok is false without SBOMs.
func packages(s *attest.Seal) (count int, ok bool) {
	if s.Subject == nil {
		return 0, false
	}
	for _, img := range s.Subject.Images {
		if sbom := s.SBOMOf(img); sbom != nil {
			count, ok = count+sbom.Packages, true
		}
	}
	return count, ok
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
