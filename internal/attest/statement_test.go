package attest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
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

// single is a plain image.
func single() *attest.Subject {
	img := image("a", "amd64")
	return &attest.Subject{Manifest: img.Manifest, Tag: "v1", Images: []attest.Image{img}, Platforms: 1}
}

// index is an index of the images, all of them selected.
func index(images ...attest.Image) *attest.Subject {
	return &attest.Subject{Manifest: manifest("f", types.OCIImageIndex), Tag: "v1", Images: images, Platforms: len(images)}
}

// document is SPDX as somebody might write it: with spaces, line breaks and characters
// that encoders like to escape.
func document(img attest.Image) *attest.SBOM {
	text := fmt.Sprintf("{ \"spdxVersion\": \"SPDX-2.3\",\n  \"name\": \"<%s> & \\u00e9é\", \"n\": 1.50 }\n", img.Platform)
	return &attest.SBOM{Image: img, Document: []byte(text), Packages: 3}
}

func documents(s *attest.Subject) []*attest.SBOM {
	var out []*attest.SBOM
	for _, img := range s.Images {
		out = append(out, document(img))
	}
	return out
}

var compareRefs = cmp.Comparer(func(a, b name.Digest) bool { return a.String() == b.String() })

func TestStatements(t *testing.T) {
	t.Parallel()
	selected := index(image("a", "amd64"), image("b", "arm64"))
	selected.Images = selected.Images[:1]
	artifact := single()
	artifact.Images[0].Platform = v1.Platform{}
	artifact.ArtifactType = "application/vnd.cncf.helm.config.v1+json"
	for name, tt := range map[string]struct {
		subject   *attest.Subject
		sbom      bool
		recursive bool
	}{
		"single":                   {single(), true, true},
		"single-not-recursive":     {single(), true, false},
		"single-without-sbom":      {single(), false, true},
		"artifact":                 {artifact, false, true},
		"one-image-index":          {index(image("a", "amd64")), true, true},
		"one-image-index-alone":    {index(image("a", "amd64")), true, false},
		"multi":                    {index(image("a", "amd64"), image("b", "arm64")), true, true},
		"multi-not-recursive":      {index(image("a", "amd64"), image("b", "arm64")), true, false},
		"multi-without-sbom":       {index(image("a", "amd64"), image("b", "arm64")), false, true},
		"multi-one-image-selected": {selected, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var docs []*attest.SBOM
			if tt.sbom {
				docs = documents(tt.subject)
			}
			got, err := attest.Statements(tt.subject, docs, tt.recursive)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			for _, st := range got {
				fmt.Fprintf(&b, "about %s\nplatform %q, signature %t\n%s\n\n", st.About.Ref, st.Platform, st.IsSignature(), st.Payload)
			}
			golden.Compare(t, "statements/"+name+".txt", b.Bytes())

			again, err := attest.Statements(tt.subject, docs, tt.recursive)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, again, compareRefs); diff != "" {
				t.Errorf("a second time (-first +second):\n%s", diff)
			}
			for _, st := range got {
				checkStatement(t, st, docs)
			}
		})
	}
}

// checkStatement reads the statement as a verifier does.
func checkStatement(t *testing.T, st *attest.Statement, docs []*attest.SBOM) {
	t.Helper()
	var got struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		PredicateType string
		Predicate     json.RawMessage
	}
	if err := json.Unmarshal(st.Payload, &got); err != nil {
		t.Fatalf("statement about %s: %v", st.About.Ref, err)
	}
	if got.Type != attest.StatementType || got.PredicateType != st.PredicateType || len(got.Subject) != 1 {
		t.Fatalf("statement about %s: %s", st.About.Ref, st.Payload)
	}
	if diff := cmp.Diff(map[string]string{"sha256": st.About.Digest().Hex}, got.Subject[0].Digest); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
	if st.IsSignature() {
		if got.Subject[0].Name != "" || string(got.Predicate) != "{}" {
			t.Errorf("signature: %s", st.Payload)
		}
		return
	}
	for _, doc := range docs {
		if bytes.Contains(st.Payload, doc.Document) {
			return
		}
	}
	t.Errorf("no document is in the statement about %s as it is", st.About.Ref)
}

func TestStatementsRefuseWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":      "",
		"cut":        `{"spdxVersion":`,
		"two values": `{}{}`,
		"smuggling":  `{}},"predicateType":"x","predicate":{`,
		"XML":        "<sbom/>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := single()
			doc := &attest.SBOM{Image: s.Images[0], Document: []byte(text)}
			got, err := attest.Statements(s, []*attest.SBOM{doc}, true)
			if err == nil || !strings.Contains(err.Error(), s.Ref.String()) {
				t.Errorf("Statements: %d statements, error %v", len(got), err)
			}
		})
	}
}

// FuzzStatements: a document either is JSON and goes in as it is, or is refused.
func FuzzStatements(f *testing.F) {
	for _, s := range []string{"", "{}", " {} \n", `{"a":"<é>"}`, `{}},"predicate":{`, "null", `{"a":1,"a":2}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := index(image("a", "amd64"))
		doc := &attest.SBOM{Image: s.Images[0], Document: bytes.Clone(text)}
		got, err := attest.Statements(s, []*attest.SBOM{doc}, true)
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("valid JSON %t, error %v", valid, err)
		}
		for _, st := range got {
			checkStatement(t, st, []*attest.SBOM{doc})
		}
		if !bytes.Equal(doc.Document, text) {
			t.Error("the document was changed")
		}
	})
}
