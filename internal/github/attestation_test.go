package github_test

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/klauspost/compress/snappy"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

const (
	attestations = repo + "/attestations"
	aDigest      = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	pages        = "https://github.com/acme/demo/attestations/"
)

// attested is a bundle about aDigest, known by its signature.
func attested(signature, predicateType string, existing bool) *attest.Bundle {
	ref, err := name.NewDigest("ghcr.io/acme/app@" + aDigest)
	if err != nil {
		panic(err)
	}
	return &attest.Bundle{
		Statement: &attest.Statement{About: attest.Manifest{Ref: ref}, PayloadType: attest.PayloadType, PredicateType: predicateType, Payload: []byte("{}")},
		JSON:      bundleOf(signature), Existing: existing,
	}
}

func bundleOf(signature string) []byte {
	return fmt.Appendf(nil, `{"verificationMaterial":{"tlogEntries":[{"inclusionProof":{"logIndex":"1"}}]},"dsseEnvelope":{"payload":"e30=","signatures":[{"sig":%q}]}}`, signature)
}

// TestStoreAttestations: what is asked, and which bundles have a page then.
func TestStoreAttestations(t *testing.T) {
	t.Parallel()
	const sbom, list, post = attest.SPDXPredicateType, "GET " + attestations + "/" + aDigest + "?per_page=100", "POST " + attestations
	inline := fmt.Sprintf(`200 {"attestations":[{"repository_id":74,"bundle":%s}]}`, bundleOf("old"))
	elsewhere := `200 {"attestations":[{"bundle":null,"bundle_url":"URL/blob?sig=x"}]}`
	compressed := "200 " + string(snappy.Encode(nil, bundleOf("old")))
	for name, tt := range map[string]struct {
		answers map[string]string
		bundles []*attest.Bundle
		asked   []string
		pages   string
	}{
		"new":             {nil, []*attest.Bundle{attested("new", sbom, false)}, []string{post}, "7"},
		"no attestations": {nil, []*attest.Bundle{attested("a", attest.SignaturePredicateType, false)}, nil, "-"},
		"one of two images": {
			nil, []*attest.Bundle{attested("new", sbom, false), attested("new", sbom, true)}, []string{post}, "7 7",
		},
		"existing, nothing known": {nil, []*attest.Bundle{attested("old", sbom, true)}, []string{list, post}, "7"},
		"existing, known": {
			map[string]string{"GET " + attestations + "/" + aDigest: inline},
			[]*attest.Bundle{attested("old", sbom, true), attested("other", sbom, true), attested("new", sbom, false)},
			[]string{list, post, post},
			"- 7 7",
		},
		"existing, a list that breaks off": {
			map[string]string{"GET " + attestations + "/" + aDigest: inline[:60]}, []*attest.Bundle{attested("old", sbom, true)}, []string{list, post}, "7",
		},
		"existing, known elsewhere": {
			map[string]string{"GET " + attestations + "/" + aDigest: elsewhere, "GET /blob": compressed},
			[]*attest.Bundle{attested("old", sbom, true)},
			[]string{list, "GET /blob?sig=x"},
			"-",
		},
		"existing, not to be read": {
			map[string]string{"GET " + attestations + "/" + aDigest: elsewhere, "GET /blob": "200 " + string(bundleOf("old"))},
			[]*attest.Bundle{attested("old", sbom, true)},
			[]string{list, "GET /blob?sig=x", post},
			"7",
		},
		"existing, said to be huge": {
			map[string]string{"GET " + attestations + "/" + aDigest: elsewhere, "GET /blob": "200 \xff\xff\xff\xff\x0f"},
			[]*attest.Bundle{attested("old", sbom, true)},
			[]string{list, "GET /blob?sig=x", post},
			"7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{post: `201 {"id":7}`}
			maps.Copy(answers, tt.answers)
			s := newREST(t, answers)
			if err := s.api().StoreAttestations(t.Context(), pages, tt.bundles); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.asked, s.asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			var got []string
			for _, b := range tt.bundles {
				got = append(got, cmp.Or(strings.TrimPrefix(b.Page, pages), "-"))
			}
			if strings.Join(got, " ") != tt.pages {
				t.Errorf("pages %v, want %s", got, tt.pages)
			}
			if last := s.asked; len(last) > 0 && strings.HasPrefix(last[len(last)-1], "GET /blob") && s.last.Get("Authorization") != "" {
				t.Error("the storage of bundles gets the token")
			}
		})
	}
}

// TestStoreAttestationsStops: what comes after a refusal is not tried, and what cannot be read
// is not sent.
func TestStoreAttestationsStops(t *testing.T) {
	t.Parallel()
	s := newREST(t, map[string]string{"POST " + attestations: `403 {"message":"Resource not accessible by integration","documentation_url":"x"}`})
	bundles := []*attest.Bundle{attested("a", attest.SPDXPredicateType, false), attested("b", attest.SPDXPredicateType, false)}
	err := s.api().StoreAttestations(t.Context(), pages, bundles)
	if problem.From(err).Code != problem.AttestationFailed || len(s.asked) != 1 || bundles[0].Page != "" {
		t.Errorf("%v after %v", err, s.asked)
	}
	broken := attested("a", attest.SPDXPredicateType, false)
	broken.JSON = []byte(`{"messageSignature":{}}`)
	if err := s.api().StoreAttestations(t.Context(), pages, []*attest.Bundle{broken}); err == nil || len(s.asked) != 1 {
		t.Errorf("a bundle without envelope: %v after %v", err, s.asked)
	}
}

// TestStoreAttestationsOfTags: what has no proof is left out, and what comes after it is stored.
func TestStoreAttestationsOfTags(t *testing.T) {
	t.Parallel()
	s := newREST(t, map[string]string{"POST " + attestations: `201 {"id":7}`})
	bundles := []*attest.Bundle{attested("a", attest.SPDXPredicateType, true), attested("b", attest.SPDXPredicateType, false)}
	bundles[0].JSON = []byte(`{"verificationMaterial":{"tlogEntries":[{"inclusionPromise":{}}]},"dsseEnvelope":{"signatures":[{"sig":"a"}]}}`)
	err := s.api().StoreAttestations(t.Context(), pages, bundles)
	if problem.From(err).Code != problem.AttestationFailed || bundles[0].Page != "" || bundles[1].Page != pages+"7" {
		t.Errorf("%v, pages %q and %q", err, bundles[0].Page, bundles[1].Page)
	}
}
