package attest_test

import (
	"testing"

	"seal-image/internal/attest"
)

// TestSeal: what a Seal answers is about the digest that the user named.
func TestSeal(t *testing.T) {
	t.Parallel()
	chosen := two()
	chosen.Images = chosen.Images[:1]
	for name, tt := range map[string]struct {
		subject     *attest.Subject
		formats     []attest.Format
		change      func(*attest.Request)
		signature   attest.Form
		attestation attest.Form
		predicate   string
		sbom        string // digest that it is of
	}{
		"plain":             {subject: single(), signature: attest.FormBundle, attestation: attest.FormBundle, sbom: "a"},
		"plain, bundle":     {subject: single(), change: bundlesOnly, signature: attest.FormBundle, attestation: attest.FormBundle, sbom: "a"},
		"plain, legacy":     {subject: single(), change: legacyOnly, signature: attest.FormSig, attestation: attest.FormAtt, sbom: "a"},
		"index of one":      {subject: index(image("a", "amd64")), signature: attest.FormBundle, attestation: attest.FormBundle, sbom: "a"},
		"index of two":      {subject: two(), signature: attest.FormBundle, attestation: attest.FormBundle, sbom: "f"},
		"index, legacy":     {subject: two(), change: legacyOnly, signature: attest.FormSig, attestation: attest.FormAtt, sbom: "f"},
		"index, selected":   {subject: chosen, signature: attest.FormBundle, attestation: attest.FormBundle, sbom: "f"},
		"index, no formats": {subject: two(), formats: []attest.Format{attest.SyftJSON}, signature: attest.FormBundle},
		"index, no SBOM":    {subject: two(), change: func(r *attest.Request) { r.SBOM = false }, signature: attest.FormBundle},
		"not attested": {
			subject: single(), change: func(r *attest.Request) { r.Sign.Attest, r.AttachReferrer = false, true },
			signature: attest.FormBundle, sbom: "a",
		},
		"CycloneDX first": {
			subject: single(), formats: []attest.Format{attest.CycloneDXJSON, attest.SPDXJSON},
			signature: attest.FormBundle, attestation: attest.FormBundle, predicate: attest.CycloneDXPredicateType, sbom: "a",
		},
		"dry run": {subject: single(), change: dry, sbom: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(tt.subject)
			if tt.formats != nil {
				w.formats = tt.formats
			}
			res, err := w.run(t, tt.change)
			if err != nil {
				t.Fatal(err)
			}
			s := res.Seals[0]
			checkFound(t, "Signature()", s.Signature(), s, tt.signature)
			checkFound(t, "Attestation()", s.Attestation(), s, tt.attestation)
			if a := s.Signature(); a != nil && !a.Bundle.Statement.IsSignature() {
				t.Errorf("Signature() = %+v", a.Bundle.Statement)
			}
			if a := s.Attestation(); a != nil && (a.Bundle.Statement.IsSignature() || (tt.predicate != "" && a.Bundle.Statement.PredicateType != tt.predicate)) {
				t.Errorf("Attestation() = %+v", a.Bundle.Statement)
			}
			got := ""
			if doc := s.SBOM(); doc != nil {
				got = short(doc.Image.Manifest)
			}
			if got != tt.sbom {
				t.Errorf("SBOM() is of %q, want %q", got, tt.sbom)
			}
		})
	}
}

func checkFound(t *testing.T, what string, got *attest.Attachment, s *attest.Seal, want attest.Form) {
	t.Helper()
	switch {
	case got == nil && want == "":
	case got == nil || got.Form != want:
		t.Errorf("%s = %+v, want one of form %q", what, got, want)
	case got.About.Ref != s.Subject.Ref:
		t.Errorf("%s is about %s", what, got.About.Ref)
	}
}

// TestSealOfNothing: an image that was not resolved has nothing.
func TestSealOfNothing(t *testing.T) {
	t.Parallel()
	s := &attest.Seal{}
	if s.Signature() != nil || s.Attestation() != nil || s.SBOM() != nil || s.AttachmentsOf(&attest.Bundle{}) != nil {
		t.Error("an empty Seal has something")
	}
}

// TestNotStored: what is logged and not stored is no signature of the image.
func TestNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(single())
	w.fail["attach"] = denied("No.")
	res, err := w.run(t, nil)
	if s := res.Seals[0]; err == nil || s.Signature() != nil || s.Attestation() != nil || len(s.Bundles) != 3 {
		t.Errorf("error %v, signature %v", err, s.Signature())
	}
}
