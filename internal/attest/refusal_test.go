package attest_test

import (
	"fmt"
	"strings"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// TestVerificationRefuses: what the reader is told.
func TestVerificationRefuses(t *testing.T) {
	t.Parallel()
	const long = "x\r\n::error::y "
	var crowd []thing
	for i := range 8 {
		crowd = append(crowd, thing{form: attest.FormSig, by: fmt.Sprint("them ", i, strings.Repeat(long, i*20))}, thing{form: attest.FormSig, by: "them 0"})
	}
	sig := thing{form: attest.FormSig}
	for name, tt := range map[string]struct {
		things []thing
		change func(*attest.VerifyRequest)
		taken  bool // the registry has no place for bundles
		code   problem.Code
	}{
		"nothing":                  {code: problem.NotSigned},
		"nothing-bundle":           {code: problem.NotSigned, things: []thing{sig}, change: func(r *attest.VerifyRequest) { r.Format = attest.Bundles }},
		"nothing-legacy":           {code: problem.NotSigned, things: []thing{bundleOf(signature)}, change: func(r *attest.VerifyRequest) { r.Format = attest.Legacy }},
		"no-place":                 {code: problem.NotSigned, taken: true},
		"only-sboms":               {code: problem.NotSigned, things: []thing{bundleOf(spdx), {form: attest.FormAtt, predicateType: cycloneDX, by: "them"}, bundleOf(provenance)}},
		"signature-as-attestation": {code: problem.NotSigned, things: []thing{{form: attest.FormAtt, predicateType: signature}}},
		"others":                   {code: problem.SignerUnexpected, things: []thing{{form: attest.FormSig, broken: true}, {form: attest.FormBundle, predicateType: signature, by: "them"}}},
		"crowd":                    {code: problem.SignerUnexpected, things: crowd},
		"untrusted":                {code: problem.SignatureUntrusted, things: []thing{{form: attest.FormSig, about: "b"}, {form: attest.FormSig, broken: true}}},
		"pattern": {code: problem.SignerUnexpected, things: []thing{{form: attest.FormSig, by: "them"}}, change: func(r *attest.VerifyRequest) {
			r.Expected = attest.Expectation{Pattern: "a|b", Issuer: "https://issuer.test", RepositoryURI: "https://github.com/acme/app"}
		}},
		"no-sbom": {code: problem.SBOMMissing, things: []thing{sig, bundleOf(provenance)}, change: requireSBOM},
		"sboms-other": {code: problem.SBOMMissing, change: requireSBOM, things: []thing{
			sig, {form: attest.FormBundle, predicateType: spdx, by: "them"}, {form: attest.FormBundle, predicateType: spdx, predicate: `"text"`},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(single())
			w.put(tt.things...)
			if tt.taken {
				w.fail["find a [bundle]"] = &problem.Problem{Code: problem.ReferrersRefused, What: "There is no place for bundles.", Why: "Its tag is taken."}
			}
			verdicts, err := w.verify(t.Context(), t, tt.change)
			if got := problem.From(err).Code; got != tt.code || len(verdicts) != 1 || verdicts[0].Signature != nil || verdicts[0].SBOM != nil {
				t.Errorf("code %s with %+v, want %s and nothing", got, verdicts, tt.code)
			}
			goldenProblem(t, "verify-"+name, err)
		})
	}
}

// TestVerificationOfSeveral: the reasons of all images are told.
func TestVerificationOfSeveral(t *testing.T) {
	t.Parallel()
	w := worldOf(map[string]*attest.Subject{"ghcr.io/acme/a:v1": in("ghcr.io/acme/a", single()), "ghcr.io/acme/b:v1": in("ghcr.io/acme/b", single()), "ghcr.io/acme/app:v1": single()})
	w.put(bundleOf(signature))
	w.fail["resolve ghcr.io/acme/b:v1"] = &problem.Problem{Code: problem.ImageNotFound, What: "There is no image ghcr.io/acme/b:v1.", Why: "404.", Fix: "Push it."}
	verdicts, err := w.verify(t.Context(), t, nil)
	goldenProblem(t, "verify-several", err)
	if len(verdicts) != 3 || verdicts[0].Signature != nil || verdicts[1].Signature == nil || verdicts[2].Subject != nil {
		t.Errorf("verdicts %+v", verdicts)
	}
}
