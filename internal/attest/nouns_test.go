package attest_test

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

const repository = "ghcr.io/acme/app"

// manifest has the digest of 64 times the character c.
func manifest(c string, mediaType types.MediaType) attest.Manifest {
	ref, err := name.NewDigest(repository + "@sha256:" + strings.Repeat(c, 64))
	if err != nil {
		panic(err)
	}
	return attest.Manifest{Ref: ref, MediaType: mediaType, Size: 400}
}

func image(c, architecture string) attest.Image {
	return attest.Image{Manifest: manifest(c, types.OCIManifestSchema1), Platform: v1.Platform{OS: "linux", Architecture: architecture}}
}

// plain is an image without an index.
func plain(c string) *attest.Subject {
	img := image(c, "amd64")
	return &attest.Subject{Manifest: img.Manifest, Images: []attest.Image{img}, Platforms: 1}
}

func single() *attest.Subject { return plain("a") }

// index is an index of the images, all of them selected.
func index(images ...attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: manifest("f", types.OCIImageIndex), Images: images, Platforms: len(images)}
}

func two() *attest.Subject { return index(image("a", "amd64"), image("b", "arm64")) }

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

// a day on which documents are made.
const today = "2026-01-02T03:04:05Z"

// document is one as somebody might write it: with spaces, line breaks and characters that
// encoders like to escape.
func document(f attest.Format, of, created string) attest.Document {
	text := "SPDXVersion: SPDX-2.3\nDocumentName: " + of + "\n"
	switch f {
	case attest.SPDXJSON:
		text = fmt.Sprintf("\t{ \"spdxVersion\": \"SPDX-2.3\",\n  \"creationInfo\": {\"created\": %q, \"creators\": [\"Tool: x\"]},\n  \"name\": \"<%s> & \\u00e9é\", \"n\": 1.50 }\n", created, of)
	case attest.CycloneDXJSON:
		text = fmt.Sprintf(`{"bomFormat":"CycloneDX","metadata":{"timestamp":%q,"component":{"name":%q}}}`, created, of)
	case attest.SyftJSON:
		text = fmt.Sprintf(`{"artifacts":[],"source":{"name":%q}}`, of)
	case attest.SPDXTagValue:
	}
	return attest.Document{Format: f, Bytes: []byte(text)}
}

func sbom(img attest.Image, created string, formats ...attest.Format) *attest.SBOM {
	out := &attest.SBOM{Image: img, Packages: 3}
	for _, f := range formats {
		out.Documents = append(out.Documents, document(f, img.Platform.String(), created))
	}
	return out
}

// sboms has one SBOM per image.
func sboms(s *attest.Subject, formats ...attest.Format) []*attest.SBOM {
	var out []*attest.SBOM
	for _, img := range s.Images {
		out = append(out, sbom(img, today, formats...))
	}
	return out
}

func short(m attest.Manifest) string { return m.Digest().Hex[:1] }
