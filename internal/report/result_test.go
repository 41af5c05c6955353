package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

const dir = ".seal-image"

// manifest has the digest of 64 times the character c.
func manifest(c string, mediaType types.MediaType) attest.Manifest {
	return manifestIn("ghcr.io/acme/app", c, mediaType)
}

func manifestIn(repo, c string, mediaType types.MediaType) attest.Manifest {
	ref, err := name.NewDigest(repo + "@sha256:" + strings.Repeat(c, 64/len(c)))
	if err != nil {
		panic(err)
	}
	return attest.Manifest{Ref: ref, MediaType: mediaType, Size: 400}
}

func image(c string, p v1.Platform) attest.Image {
	return attest.Image{Manifest: manifest(c, types.OCIManifestSchema1), Platform: p}
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	armV7 = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}

	identity = attest.Identity{
		SAN:        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
		Issuer:     "https://token.actions.githubusercontent.com",
		Repository: "acme/app", RepositoryURI: "https://github.com/acme/app",
		Ref: "refs/heads/main", SHA: strings.Repeat("c0", 20),
	}
)

// single is a plain image, index an index of the images.
func single(img attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: img.Manifest, Tags: []string{"v1.2"}, Images: []attest.Image{img}, Platforms: 1}
}

func index(images ...attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: manifest("f", types.OCIImageIndex), Tags: []string{"v1.2"}, Images: images, Platforms: len(images)}
}

func multi() *attest.Subject { return index(image("a", amd64), image("b", armV7)) }

func plain() *attest.Subject { return single(image("a", amd64)) }

// in is the same image in another repository.
func in(repo string, s *attest.Subject) *attest.Subject {
	there, err := name.NewRepository(repo)
	if err != nil {
		panic(err)
	}
	moved := *s
	moved.Ref = there.Digest(s.Ref.DigestStr())
	moved.Images = nil
	for _, img := range s.Images {
		img.Ref = there.Digest(img.Ref.DigestStr())
		moved.Images = append(moved.Images, img)
	}
	return &moved
}

// artifact is something that is no container image.
func artifact() *attest.Subject {
	s := single(image("a", v1.Platform{}))
	s.ArtifactType = "application/vnd.cncf.helm.config.v1+json"
	return s
}

// how an image was sealed; the zero value is a run with everything at its default.
type how struct {
	sign     attest.SignatureFormat // default: both
	formats  []attest.Format        // default: SPDX
	alone    bool                   // without attestations
	noSBOM   bool
	proven   []byte // the predicate of provenance
	plain    bool   // documents as referrer and under a tag
	packages int    // that each document lists; default: another number is counted, none listed
	attached int    // attachments that were made, -1: none; default: all
	existing int    // bundles that were signed before
	refused  bool   // the registry takes no tags of cosign
	err      error
}

// sealer makes results, each entry of the log with a number of its own.
type sealer struct{ entries, manifests int }

// dry is the seal of a dry run.
func (m *sealer) dry(s *attest.Subject, h how) *attest.Seal {
	seal := &attest.Seal{Subject: s, Err: h.err}
	if h.noSBOM {
		return seal
	}
	formats := h.formats
	if formats == nil {
		formats = []attest.Format{attest.SPDXJSON}
	}
	attestable := false
	for i, img := range s.Images {
		sbom := &attest.SBOM{Image: img, Packages: 100 + i}
		for _, f := range formats {
			attestable = attestable || f.PredicateType() != ""
			content := fmt.Appendf(nil, `{"n":%d,"of":%q,"as":%q%s}`, i, img.Ref, f, spdxPackages(h.packages, i))
			sbom.Documents = append(sbom.Documents, attest.Document{Format: f, Bytes: content})
		}
		if h.packages > 0 {
			sbom.Packages = h.packages
		}
		seal.SBOMs = append(seal.SBOMs, sbom)
	}
	if s.IsIndex() && s.Platforms > 1 && attestable {
		sbom := &attest.SBOM{Image: attest.Image{Manifest: s.Manifest}}
		for _, f := range formats {
			if f.PredicateType() != "" {
				sbom.Documents = append(sbom.Documents, attest.Document{Format: f, Bytes: fmt.Appendf(nil, `{"index":%q,"as":%q}`, s.Ref, f)})
			}
		}
		seal.SBOMs = append(seal.SBOMs, sbom)
	}
	return seal
}

// spdxPackages is the member of a document that lists n packages; the last one is that of the
// platform, the others are in all. Their types and licenses are foreign text.
func spdxPackages(n, platform int) string {
	if n == 0 {
		return ""
	}
	types := []string{"deb", "npm", "golang", "npm", "x|`<script>@octocat #1"}
	if n > 10 {
		types = nil
		for i := range 12 {
			types = append(types, fmt.Sprintf("type%d", i))
		}
	}
	licenses := []string{"MIT", "Apache-2.0 OR MIT", "NOASSERTION", "LicenseRef-evil|`</summary>"}
	var b strings.Builder
	for i := range n {
		name := i
		if i == n-1 {
			name += 1000 * (platform + 1)
		}
		fmt.Fprintf(&b, `,{"name":"p%d","licenseDeclared":%q,"externalRefs":[{"referenceLocator":%q}]}`,
			name, licenses[i%len(licenses)], fmt.Sprintf("pkg:%s/p%d", types[i%len(types)], name))
	}
	return `,"packages":[` + b.String()[1:] + `]`
}

// seal is the seal of a run that signed all statements.
func (m *sealer) seal(t *testing.T, s *attest.Subject, h how) *attest.Seal {
	t.Helper()
	if h.sign == "" {
		h.sign = attest.Both
	}
	seal := m.dry(s, h)
	statements, err := attest.Statements(s, seal.SBOMs, attest.SignOptions{Recursive: true, Attest: !h.alone, Format: h.sign, Provenance: h.proven})
	if err != nil {
		t.Fatal(err)
	}
	for i, st := range statements {
		n := 1000 + m.entries
		m.entries++
		b := &attest.Bundle{
			Statement: st, JSON: fmt.Appendf(nil, `{"bundle":%d}`, n), Signer: identity, Existing: i < h.existing,
			Entry: attest.LogEntry{
				Index: int64(n), URL: fmt.Sprintf("https://search.sigstore.dev/?logIndex=%d", n),
				LogID: strings.Repeat("0a", 32), IntegratedTime: time.Unix(1_790_000_000+int64(m.entries), 0).UTC(),
			},
		}
		seal.Bundles = append(seal.Bundles, b)
		for _, form := range forms(st, h.sign) {
			m.attach(seal, &attest.Attachment{Form: form, About: st.About, Bundle: b}, h)
		}
	}
	for _, sbom := range seal.SBOMs {
		for i := range sbom.Documents {
			doc := &sbom.Documents[i]
			if h.plain {
				m.attach(seal, &attest.Attachment{Form: attest.FormReferrer, About: sbom.Image.Manifest, Document: doc}, h)
			}
			if h.plain && i == 0 {
				m.attach(seal, &attest.Attachment{Form: attest.FormTag, About: sbom.Image.Manifest, Document: doc}, h)
			}
		}
	}
	return seal
}

func (m *sealer) attach(seal *attest.Seal, a *attest.Attachment, h how) {
	switch {
	case h.attached != 0 && len(seal.Attachments) >= max(h.attached, 0):
		a.State = attest.Planned
	case h.refused && a.Form.IsTag():
		a.State = attest.Skipped
	case a.Bundle != nil && a.Bundle.Existing:
		a.State = attest.Existing
	default:
		a.State = attest.New
	}
	// One that is stored, and could not be made visible, is known too.
	a.Manifest = manifestIn(a.About.Ref.Context().Name(), fmt.Sprintf("%0*x", width(m.manifests), m.manifests), types.OCIManifestSchema1)
	m.manifests++
	seal.Attachments = append(seal.Attachments, a)
}

// width of a number in hexadecimal digits of which 64 are a digest.
func width(n int) int {
	if n < 256 {
		return 2
	}
	return 8
}

func forms(st *attest.Statement, f attest.SignatureFormat) []attest.Form {
	switch {
	case st.IsSimpleSigning():
		return []attest.Form{attest.FormSig}
	case st.IsSignature() || f == attest.Bundles:
		return []attest.Form{attest.FormBundle}
	case f == attest.Legacy:
		return []attest.Form{attest.FormAtt}
	default:
		return []attest.Form{attest.FormBundle, attest.FormAtt}
	}
}

func result(seals ...*attest.Seal) *attest.Result {
	return &attest.Result{Identity: identity, Seals: seals}
}

// one is the result of a run that sealed one image.
func one(t *testing.T, s *attest.Subject, h how) *attest.Result {
	t.Helper()
	return result(new(sealer).seal(t, s, h))
}

func dryRun(subjects ...*attest.Subject) *attest.Result {
	res := &attest.Result{Identity: identity}
	for _, s := range subjects {
		res.Seals = append(res.Seals, new(sealer).dry(s, how{}))
	}
	return res
}

// several is the result of a run that sealed an index, another image of the same repository,
// and both again elsewhere.
func several(t *testing.T) *attest.Result {
	t.Helper()
	m := &sealer{}
	other := single(image("c", amd64))
	other.Tags = []string{"1", "1.2", "1.2.3"}
	return result(
		m.seal(t, multi(), how{}), m.seal(t, other, how{sign: attest.Bundles}),
		m.seal(t, in("quay.io/acme/app", multi()), how{sign: attest.Bundles}), m.seal(t, in("quay.io/mirror/app", other), how{sign: attest.Bundles}),
	)
}

// evil is text that means something to Markdown, HTML, tables, JSON and file systems.
const evil = "v8|`<script>alert(1)</script>\n| **a** [b](https://evil.dev) é\u2028🚀 ../../x @octocat\r```\n# c #123 www.evil.dev x@evil.dev $y$ [z](javascript:alert(1)) \u202e\\"

// foreign is the result of a run on an image and a Sigstore that say such things.
func foreign(t *testing.T, attached int) *attest.Result {
	t.Helper()
	s := index(image("a", v1.Platform{OS: "linux", Architecture: "arm64", Variant: evil}), image("b", amd64))
	s.Tags = []string{evil, "v1"}
	res := one(t, s, how{attached: attached})
	for _, b := range res.Seals[0].Bundles {
		b.Entry.URL += "|>\n<script>\r" + evil
		b.Signer.SAN += evil
		b.Signer.Issuer += evil
	}
	return res
}
