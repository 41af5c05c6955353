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

	"seal-image/internal/attest"
	"seal-image/internal/golden"
)

var compareRefs = cmp.Comparer(func(a, b name.Digest) bool { return a.String() == b.String() })

func TestStatements(t *testing.T) {
	t.Parallel()
	spdx := []attest.Format{attest.SPDXJSON}
	every := []attest.Format{attest.SyftJSON, attest.CycloneDXJSON, attest.SPDXTagValue, attest.SPDXJSON}
	selected := two()
	selected.Images = selected.Images[:1]
	artifact := single()
	artifact.Images[0].Platform = v1.Platform{}
	artifact.ArtifactType = "application/vnd.cncf.helm.config.v1+json"
	bundles := attest.SignOptions{Recursive: true, Attest: true, Format: attest.Bundles}
	both := attest.SignOptions{Recursive: true, Attest: true, Format: attest.Both}
	legacy := attest.SignOptions{Recursive: true, Attest: true, Format: attest.Legacy}
	alone := func(o attest.SignOptions) attest.SignOptions { o.Recursive = false; return o }
	annotated := func(o attest.SignOptions) attest.SignOptions {
		o.Annotations = map[string]string{"team": "platform", "ticket": "OPS-1, OPS-2 <&> é", "": "empty", "a\"b\n": "\\"}
		return o
	}
	proven := func(o attest.SignOptions) attest.SignOptions { o.Provenance = proof(t, identity); return o }
	unattested := both
	unattested.Attest = false
	described := append(sboms(two(), spdx...), sbom(attest.Image{Manifest: two().Manifest}, today, spdx...))
	for name, tt := range map[string]struct {
		subject *attest.Subject
		sboms   []*attest.SBOM
		options attest.SignOptions
	}{
		"single":                   {single(), sboms(single(), spdx...), bundles},
		"single-both":              {single(), sboms(single(), spdx...), both},
		"single-legacy":            {single(), sboms(single(), spdx...), legacy},
		"single-not-recursive":     {single(), sboms(single(), spdx...), alone(bundles)},
		"single-without-sbom":      {single(), nil, bundles},
		"annotations":              {single(), sboms(single(), spdx...), annotated(bundles)},
		"annotations-both":         {single(), sboms(single(), spdx...), annotated(both)},
		"annotations-legacy":       {single(), sboms(single(), spdx...), annotated(legacy)},
		"formats":                  {single(), sboms(single(), every...), both},
		"formats-not-attestable":   {single(), sboms(single(), attest.SyftJSON, attest.SPDXTagValue), both},
		"not-attested":             {single(), sboms(single(), every...), unattested},
		"artifact":                 {artifact, nil, both},
		"one-image-index":          {index(image("a", "amd64")), sboms(index(image("a", "amd64")), spdx...), bundles},
		"one-image-index-both":     {index(image("a", "amd64")), sboms(index(image("a", "amd64")), every...), both},
		"one-image-index-alone":    {index(image("a", "amd64")), sboms(index(image("a", "amd64")), spdx...), alone(bundles)},
		"multi":                    {two(), sboms(two(), spdx...), bundles},
		"multi-both":               {two(), sboms(two(), spdx...), both},
		"multi-legacy":             {two(), sboms(two(), spdx...), legacy},
		"multi-not-recursive":      {two(), sboms(two(), spdx...), alone(both)},
		"multi-without-sbom":       {two(), nil, bundles},
		"multi-index-document":     {two(), described, both},
		"provenance":               {single(), sboms(single(), spdx...), proven(both)},
		"provenance-legacy":        {single(), sboms(single(), spdx...), proven(legacy)},
		"provenance-without-sbom":  {single(), nil, proven(alone(bundles))},
		"provenance-index":         {two(), described, proven(both)},
		"provenance-index-of-one":  {index(image("a", "amd64")), sboms(index(image("a", "amd64")), spdx...), proven(alone(both))},
		"multi-one-image-selected": {selected, sboms(selected, spdx...), bundles},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := attest.Statements(tt.subject, tt.sboms, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			for _, st := range got {
				fmt.Fprintf(&b, "about %s\nplatform %q, signature %t, simple signing %t\n%s\n\n", st.About.Ref, st.Platform, st.IsSignature(), st.IsSimpleSigning(), st.Payload)
			}
			golden.Compare(t, "statements/"+name+".txt", b.Bytes())

			again, err := attest.Statements(tt.subject, tt.sboms, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, again, compareRefs); diff != "" {
				t.Errorf("a second time (-first +second):\n%s", diff)
			}
			for _, st := range got {
				checkStatement(t, st, tt.sboms, tt.options)
			}
			checkOrder(t, got)
		})
	}
}

// checkOrder: who stores statements in their order never shows a signature of a digest
// before what is attested of it, nor anything after the signature of the index.
func checkOrder(t *testing.T, statements []*attest.Statement) {
	t.Helper()
	signed := map[string]bool{}
	indexSigned := false
	for _, st := range statements {
		digest := st.About.Ref.DigestStr()
		isIndex := st.About.MediaType.IsIndex()
		switch {
		case indexSigned && (!isIndex || !st.IsSignature()):
			t.Errorf("the statement about %s comes after the signature of the index", digest)
		case !st.IsSignature() && signed[digest]:
			t.Errorf("an attestation of %s comes after its signature", digest)
		case st.IsSignature():
			signed[digest] = true
			indexSigned = indexSigned || isIndex
		}
	}
}

// checkStatement reads the statement as a verifier does.
func checkStatement(t *testing.T, st *attest.Statement, sboms []*attest.SBOM, o attest.SignOptions) {
	t.Helper()
	if st.IsSimpleSigning() {
		checkSimpleSigning(t, st, o)
		return
	}
	var got struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name        string
			Digest      map[string]string
			Annotations map[string]string
		}
		PredicateType string
		Predicate     json.RawMessage
	}
	if err := json.Unmarshal(st.Payload, &got); err != nil {
		t.Fatalf("statement about %s: %v", st.About.Ref, err)
	}
	if got.Type != attest.StatementType || got.PredicateType != st.PredicateType || st.PayloadType != attest.PayloadType || len(got.Subject) != 1 {
		t.Fatalf("statement about %s: %s", st.About.Ref, st.Payload)
	}
	if diff := cmp.Diff(map[string]string{"sha256": st.About.Digest().Hex}, got.Subject[0].Digest); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
	if st.IsSignature() {
		if got.Subject[0].Name != "" || string(got.Predicate) != "{}" {
			t.Errorf("signature: %s", st.Payload)
		}
		if diff := cmp.Diff(o.Annotations, got.Subject[0].Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
		return
	}
	if got.Subject[0].Annotations != nil {
		t.Errorf("annotations are in an attestation: %s", st.Payload)
	}
	if st.IsProvenance() {
		if !bytes.Equal(got.Predicate, o.Provenance) {
			t.Errorf("provenance (-want +got):\n%s", cmp.Diff(string(o.Provenance), string(got.Predicate)))
		}
		return
	}
	for _, one := range sboms {
		for _, doc := range one.Documents {
			if doc.Format.PredicateType() == st.PredicateType && bytes.Contains(st.Payload, doc.Bytes) {
				return
			}
		}
	}
	t.Errorf("no document is in the statement about %s as it is", st.About.Ref)
}

// checkSimpleSigning reads the payload by its specification.
func checkSimpleSigning(t *testing.T, st *attest.Statement, o attest.SignOptions) {
	t.Helper()
	var got struct {
		Critical struct {
			Identity map[string]string
			Image    map[string]string
			Type     string
		}
		Optional map[string]string
	}
	if err := json.Unmarshal(st.Payload, &got); err != nil {
		t.Fatalf("simple signing of %s: %v", st.About.Ref, err)
	}
	if diff := cmp.Diff(map[string]string{"docker-reference": st.About.Ref.Context().Name()}, got.Critical.Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"docker-manifest-digest": st.About.Ref.DigestStr()}, got.Critical.Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(o.Annotations, got.Optional); diff != "" {
		t.Errorf("optional (-want +got):\n%s", diff)
	}
	if got.Critical.Type != "cosign container image signature" || st.PredicateType != "" || !st.IsSignature() {
		t.Errorf("type %q, predicate type %q", got.Critical.Type, st.PredicateType)
	}
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
			for _, format := range []attest.SignatureFormat{attest.Bundles, attest.Legacy, attest.Both} {
				doc := &attest.SBOM{Image: s.Images[0], Documents: []attest.Document{{Format: attest.SPDXJSON, Bytes: []byte(text)}}}
				got, err := attest.Statements(s, []*attest.SBOM{doc}, attest.SignOptions{Attest: true, Format: format})
				if err == nil || !strings.Contains(err.Error(), s.Ref.String()) {
					t.Errorf("%s: %d statements, error %v", format, len(got), err)
				}
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
		o := attest.SignOptions{Attest: true, Format: attest.Both}
		doc := &attest.SBOM{Image: s.Images[0], Documents: []attest.Document{{Format: attest.CycloneDXJSON, Bytes: bytes.Clone(text)}}}
		got, err := attest.Statements(s, []*attest.SBOM{doc}, o)
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("valid JSON %t, error %v", valid, err)
		}
		if err != nil {
			return
		}
		for _, st := range got {
			checkStatement(t, st, []*attest.SBOM{doc}, o)
		}
		if !bytes.Equal(doc.Documents[0].Bytes, text) {
			t.Error("the document was changed")
		}
	})
}
