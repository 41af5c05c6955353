package sigstore_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

// signedThings is what a run stores about the image a, by a name for tests.
func signedThings(t *testing.T, o sigstore.Options) (map[string]attest.Stored, map[string]*attest.Bundle) {
	t.Helper()
	bundles, err := newSigner(t, o).Sign(t.Context(), three(t))
	if err != nil {
		t.Fatal(err)
	}
	sbom, signature, old := bundles[0], bundles[1], bundles[2]
	made := map[string]*attest.Bundle{
		"SBOM bundle": sbom, "SBOM att": sbom, "signature bundle": signature, "signature att": signature, "signature sig": old,
	}
	stored := map[string]attest.Stored{
		"SBOM bundle":      {Form: attest.FormBundle, Content: sbom.JSON},
		"SBOM att":         {Form: attest.FormAtt, Layer: sbom.Layer},
		"signature bundle": {Form: attest.FormBundle, Content: signature.JSON},
		"signature att":    {Form: attest.FormAtt, Layer: signature.Layer},
		"signature sig":    {Form: attest.FormSig, Layer: old.Layer},
	}
	return stored, made
}

// TestVerify: what a run has made verifies in every form, and reads as it was made.
func TestVerify(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(sigstore.Options) sigstore.Options{
		"without timestamps": func(o sigstore.Options) sigstore.Options { return o },
		"with timestamps":    withTimestamps,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			o := change(options(t, i, token(t, claims(nil))))
			things, made := signedThings(t, o)
			verifier := checked(t, o)
			for name, stored := range things {
				if stored.Form == attest.FormBundle { // as others write JSON
					stored.Content = indented(t, stored.Content)
				}
				got, err := verifier.Verify(stored, about(t, "a"))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkRead(t, made[name], got)
				if stored.Form == attest.FormBundle && !bytes.Equal(got.JSON, stored.Content) {
					t.Errorf("%s: the bundle was written anew", name)
				}
				if got.Signer != identity || got.Took != 0 {
					t.Errorf("%s: by %+v in %v", name, got.Signer, got.Took)
				}
			}
			for name, stored := range things {
				if stored.Form != attest.FormBundle {
					continue
				}
				// A layer that is made of a stored bundle is as good as the first.
				got, err := verifier.Verify(stored, about(t, "a"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := verifier.Verify(attest.Stored{Form: attest.FormAtt, Layer: got.Layer}, about(t, "a")); err != nil {
					t.Errorf("%s: the layer of the stored bundle: %v", name, err)
				}
			}
		})
	}
}

func indented(t *testing.T, encoded []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, encoded, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVerifyEarlierRun: the same workflow has signed before, from another commit. That is
// fine where it is found, and not of what was signed just now. Another ref is somebody
// else: under a reusable workflow all branches of a caller share the rest.
func TestVerifyEarlierRun(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	for name, changes := range map[string]map[string]any{
		"commit":  {"sha": "2222222222222222222222222222222222222222"},
		"ref":     {"ref": "refs/tags/v1"},
		"both":    {"sha": "2222222222222222222222222222222222222222", "ref": "refs/tags/v1"},
		"neither": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			things, made := signedThings(t, options(t, i, token(t, claims(changes))))
			verifier := checked(t, options(t, i, token(t, claims(nil))))
			for name, stored := range things {
				if _, err := verifier.Verify(stored, about(t, "a")); (err == nil) != (changes["ref"] == nil) {
					t.Errorf("%s: %v", name, err)
				}
				if err := verifier.VerifyNew(made[name]); (err == nil) != (changes == nil) {
					t.Errorf("%s as just signed: %v", name, err)
				}
			}
		})
	}
}

// TestVerifyNewStatement: what was just signed is what was to be signed.
func TestVerifyNewStatement(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	_, made := signedThings(t, o)
	verifier := checked(t, o)
	for name, b := range made {
		other := *b
		st := *b.Statement
		st.Payload = append(bytes.Clone(st.Payload), ' ')
		other.Statement = &st
		if err := verifier.VerifyNew(&other); err == nil {
			t.Errorf("%s: another payload is accepted", name)
		}
		st = *b.Statement
		if st.About = about(t, "b"); !st.IsSimpleSigning() { // the digest is in the payload
			if err := verifier.VerifyNew(&other); err == nil {
				t.Errorf("%s: another digest is accepted", name)
			}
		}
		if err := verifier.VerifyNew(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifyRefusesOthers: what somebody else signed, or about something else, or by
// another Sigstore.
func TestVerifyRefusesOthers(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	things, _ := signedThings(t, options(t, i, token(t, claims(nil))))
	unknown := newInstance(t).trustedRoot(t)
	for name, c := range map[string]struct {
		claims map[string]any // of the verifier's own run
		about  string         // digit; default "a"
		config func(sigstore.Options) sigstore.Options
		layers bool // are accepted all the same
	}{
		"other workflow":          {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main"}},
		"other ref of a workflow": {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/attack"}},
		"name that ends alike":    {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main2"}},
		"other issuer":            {claims: map[string]any{"iss": "https://token.example.com"}},
		"other repository":        {claims: map[string]any{"repository": "acme/fork"}},
		"other digest":            {about: "b"},
		"unknown root":            {config: func(o sigstore.Options) sigstore.Options { o.Instance.TrustedRoot = file(unknown); return o }},
		// Layers have none.
		"no timestamp although there is an authority": {config: withTimestamps, layers: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, i, token(t, claims(c.claims)))
			if c.config != nil {
				o = c.config(o)
			}
			if c.about == "" {
				c.about = "a"
			}
			verifier := checked(t, o)
			for name, stored := range things {
				_, err := verifier.Verify(stored, about(t, c.about))
				if c.layers && stored.Form != attest.FormBundle {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				wantInvalid(t, name, err)
			}
		})
	}
}

// TestVerifyRefusesLongerNames: the same the other way round, of who has signed.
func TestVerifyRefusesLongerNames(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	verifier := checked(t, options(t, i, token(t, claims(nil))))
	for name, changes := range map[string]map[string]any{
		"workflow":   {"job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main2"},
		"issuer":     {"iss": identity.Issuer + ".example.com"},
		"repository": {"repository": "acme/app2"},
	} {
		things, _ := signedThings(t, options(t, i, token(t, claims(changes))))
		for form, stored := range things {
			_, err := verifier.Verify(stored, about(t, "a"))
			wantInvalid(t, form+" of another "+name, err)
		}
	}
}

func wantInvalid(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s is accepted", name)
	} else if p := problem.From(err); p.Code != problem.BundleInvalid {
		t.Errorf("%s: got %v, want bundle-invalid", name, err)
	}
}

// TestVerifyForms: a form says how to read, and those of documents are not signed.
func TestVerifyForms(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	things, _ := signedThings(t, o)
	verifier := checked(t, o)
	for name, stored := range things {
		for _, form := range []attest.Form{attest.FormBundle, attest.FormSig, attest.FormAtt, attest.FormReferrer, attest.FormTag, ""} {
			other := stored
			other.Form = form
			if _, err := verifier.Verify(other, about(t, "a")); form != stored.Form {
				wantInvalid(t, name+" as "+string(form), err)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, form := range []attest.Form{attest.FormBundle, attest.FormSig, attest.FormAtt} {
		for _, text := range []string{"", "{}", "null", "[]", "x"} {
			layer := attest.Layer{Content: []byte(text), Signature: text, Certificate: []byte(text), LogEntry: []byte(text)}
			_, err := verifier.Verify(attest.Stored{Form: form, Content: []byte(text), Layer: layer}, about(t, "a"))
			wantInvalid(t, string(form)+" of "+text, err)
		}
	}
}

// TestVerifyWithoutSCT: a signature with a certificate that no CT log knows is refused.
func TestVerifyWithoutSCT(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.noSCT = true
	o := options(t, i, token(t, claims(nil)))
	strict := checked(t, o)
	o.Instance.TrustedRoot = file(i.trust(t, withoutCTLog))
	things, _ := signedThings(t, o)
	careless := checked(t, o)
	for name, stored := range things {
		_, err := strict.Verify(stored, about(t, "a"))
		wantInvalid(t, name, err)
		if _, err := careless.Verify(stored, about(t, "a")); err != nil {
			t.Errorf("%s, where there is no CT log: %v", name, err)
		}
	}
}

func TestVerifyBeforeAnything(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	things, _ := signedThings(t, o)
	s := newSigner(t, o)
	for name, stored := range things {
		if _, err := s.Verify(stored, about(t, "a")); err == nil {
			t.Errorf("%s is accepted by nobody", name)
		}
	}
}

// TestVerifySays: the sentences of a refusal.
func TestVerifySays(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	things, _ := signedThings(t, options(t, i, token(t, claims(nil))))
	verifier := checked(t, options(t, i, token(t, claims(map[string]any{"repository": "acme/fork"}))))
	_, err := verifier.Verify(things["SBOM bundle"], about(t, "a"))
	goldenProblem(t, "not-valid", err)
	_, err = verifier.Verify(things["signature sig"], about(t, "b"))
	goldenProblem(t, "not-valid-other-digest", err)
	_, err = verifier.Verify(attest.Stored{Form: attest.FormTag}, about(t, "b"))
	goldenProblem(t, "not-valid-form", err)
}
