package sigstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

func TestSign(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	sts := statements(t, "a")
	s := newSigner(t, options(t, i, token(t, claims(nil))))
	bundles, err := s.Sign(t.Context(), sts)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundles) != len(sts) {
		t.Fatalf("%d bundles for %d statements", len(bundles), len(sts))
	}
	if diff := cmp.Diff(map[string]int{"fulcio.example.com": 1, "rekor.example.com": 2}, i.requests); diff != "" {
		t.Errorf("requests: one certificate, an entry per statement (-want +got):\n%s", diff)
	}
	for n, b := range bundles {
		if b.Statement != sts[n] || b.Signer != identity {
			t.Errorf("bundle %d is about %v by %v", n, b.Statement, b.Signer)
		}
		independent(t, i, b)
		if err := s.Verify(b.JSON, sts[n]); err != nil {
			t.Errorf("Verify: %v", err)
		}
		want := "http://rekor.example.com/api/v1/log/entries?logIndex=0"
		if b.Entry.URL != want || b.Entry.IntegratedTime.IsZero() || len(b.Entry.LogID) != 64 {
			t.Errorf("entry %+v, want the URL %s", b.Entry, want)
		}
		var envelope struct{ Payload []byte }
		if err := json.Unmarshal(b.Envelope, &envelope); err != nil || !bytes.Equal(envelope.Payload, sts[n].Payload) {
			t.Errorf("the envelope is %s (%v)", b.Envelope, err)
		}
	}
}

// independent verifies with sigstore-go alone, which knows nothing of our code.
func independent(t *testing.T, i *instance, b *attest.Bundle) {
	t.Helper()
	var parsed bundle.Bundle
	if err := parsed.UnmarshalJSON(b.JSON); err != nil {
		t.Fatal(err)
	}
	trusted, err := root.NewTrustedRootFromJSON(i.trustedRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.NewVerifier(trusted, verify.WithTransparencyLog(1), verify.WithIntegratedTimestamps(1), verify.WithSignedCertificateTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	id, err := verify.NewShortCertificateIdentity(identity.Issuer, "", identity.SAN, "")
	if err != nil {
		t.Fatal(err)
	}
	digest := bytes.Repeat([]byte{0xaa}, 32)
	result, err := verifier.Verify(&parsed, verify.NewPolicy(verify.WithArtifactDigest("sha256", digest), verify.WithCertificateIdentity(id)))
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Statement.GetPredicateType(); got != b.Statement.PredicateType {
		t.Errorf("predicate type %s, want %s", got, b.Statement.PredicateType)
	}
}

// The same log under the public name: the link is the one that people can open.
func TestEntryURLOfPublicLog(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.intercept["rekor.sigstore.dev"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Host = "rekor.example.com"
		i.service(w, req)
	})
	o := options(t, i, token(t, claims(nil)))
	o.Instance.RekorURL = "http://rekor.sigstore.dev/" // never left this process
	bundles, err := newSigner(t, o).Sign(t.Context(), statements(t, "a")[:1])
	if err != nil {
		t.Fatal(err)
	}
	if got := bundles[0].Entry.URL; got != "https://search.sigstore.dev/?logIndex=0" {
		t.Errorf("URL %s", got)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	want := statements(t, "a")[0]
	o := options(t, i, token(t, claims(nil)))
	signed, err := newSigner(t, o).Sign(t.Context(), []*attest.Statement{want})
	if err != nil {
		t.Fatal(err)
	}
	good := signed[0].JSON
	other := newInstance(t)

	for name, c := range map[string]struct {
		claims map[string]any       // of the verifier's own run
		change func(map[string]any) // of the bundle
		want   *attest.Statement    // expected instead
		root   []byte               // trusted instead
		config func(*sigstore.Options)
	}{
		"other workflow":   {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/other.yml@refs/heads/main"}},
		"other issuer":     {claims: map[string]any{"iss": "https://token.example.com"}},
		"other repository": {claims: map[string]any{"repository": "acme/fork"}},
		"other ref":        {claims: map[string]any{"ref": "refs/heads/attack"}},
		"other commit":     {claims: map[string]any{"sha": "2222222222222222222222222222222222222222"}},
		"other digest":     {want: &attest.Statement{About: statements(t, "b")[0].About, Payload: want.Payload}},
		"other payload":    {want: &attest.Statement{About: want.About, Payload: append(bytes.Clone(want.Payload), ' ')}},
		"other predicate":  {want: statements(t, "a")[1]},
		"payload changed": {change: func(b map[string]any) {
			b["dsseEnvelope"].(map[string]any)["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(want.Payload, []byte("SPDX-2.3"), []byte("SPDX-2.2"), 1))
		}},
		"signature changed": {change: func(b map[string]any) {
			sig := b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)
			raw, err := base64.StdEncoding.DecodeString(sig["sig"].(string))
			if err != nil {
				panic(err)
			}
			raw[len(raw)-1] ^= 1
			sig["sig"] = base64.StdEncoding.EncodeToString(raw)
		}},
		"no log entry": {change: func(b map[string]any) { material(b)["tlogEntries"] = []any{} }},
		"no promise and no proof": {change: func(b map[string]any) {
			delete(entryOf(b), "inclusionPromise")
			delete(entryOf(b), "inclusionProof")
		}},
		"time of the entry changed": {change: func(b map[string]any) { entryOf(b)["integratedTime"] = "1700000000" }},
		"entry of another bundle": {change: func(b map[string]any) {
			again, err := newSigner(t, o).Sign(t.Context(), []*attest.Statement{want})
			if err != nil {
				panic(err)
			}
			material(b)["tlogEntries"] = material(decode(again[0].JSON))["tlogEntries"]
		}},
		"no certificate": {change: func(b map[string]any) { delete(material(b), "certificate") }},
		"unknown root":   {root: other.trustedRoot(t)},
		"no timestamp although there is an authority": {config: func(o *sigstore.Options) {
			o.Instance.FulcioURL, o.Instance.RekorURL = "", ""
			o.Instance.SigningConfig = signingConfig(service(rekorURL, 1), service(tsaURL, 1), "ANY")
		}},
		"not a bundle": {change: func(b map[string]any) { clear(b) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, i, token(t, claims(c.claims)))
			if c.root != nil {
				o.Instance.TrustedRoot = c.root
			}
			if c.config != nil {
				c.config(&o)
			}
			verifier := newSigner(t, o)
			if _, err := verifier.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			changed, expected := decode(good), want
			if c.change != nil {
				c.change(changed)
			}
			if c.want != nil {
				expected = c.want
			}
			encoded, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			err = verifier.Verify(encoded, expected)
			if p := problem.From(err); p == nil || p.Code != problem.BundleInvalid {
				t.Fatalf("got %v, want bundle-invalid", err)
			}
			t.Log(err)
		})
	}

	t.Run("unchanged", func(t *testing.T) { // so that none of the above fails for the encoding
		t.Parallel()
		verifier := newSigner(t, o)
		if _, err := verifier.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(decode(good))
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(encoded, want); err != nil {
			t.Error(err)
		}
	})
}

func decode(encoded []byte) map[string]any {
	var b map[string]any
	if err := json.Unmarshal(encoded, &b); err != nil {
		panic(err) // of a bundle that we made
	}
	return b
}

func material(b map[string]any) map[string]any { return b["verificationMaterial"].(map[string]any) }

func entryOf(b map[string]any) map[string]any {
	return material(b)["tlogEntries"].([]any)[0].(map[string]any)
}

// A certificate without SCT signs nothing, and a bundle with one is refused.
func TestNoSCT(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.noSCT = true
	sts := statements(t, "a")[:1]
	o := options(t, i, token(t, claims(nil)))
	strict := newSigner(t, o)
	_, err := strict.Sign(t.Context(), sts)
	goldenProblem(t, "no-sct", err)
	if i.requests["rekor.example.com"] > 0 {
		t.Error("something was logged")
	}

	o.Instance.TrustedRoot = i.trust(t, false)
	bundles, err := newSigner(t, o).Sign(t.Context(), sts)
	if err != nil {
		t.Fatal(err)
	}
	if err := strict.Verify(bundles[0].JSON, sts[0]); err == nil {
		t.Error("a bundle without SCT was accepted")
	}
}

// A certificate for somebody else never reaches the log.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	mine := token(t, claims(nil))
	for name, c := range map[string]struct {
		claims map[string]any
		ca     *instance
	}{
		"other repository": {claims: map[string]any{"repository": "acme/fork"}},
		"other ref":        {claims: map[string]any{"ref": "refs/heads/attack"}},
		"other workflow":   {claims: map[string]any{"job_workflow_ref": "acme/app/.github/workflows/x.yml@main"}},
		"other CA":         {ca: newInstance(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			issuing := i
			if c.ca != nil {
				issuing = c.ca
			}
			i.intercept["fulcio.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header.Set("Authorization", "Bearer "+token(t, claims(c.claims)))
				issuing.service(w, req)
			})
			_, err := newSigner(t, options(t, i, mine)).Sign(t.Context(), statements(t, "a"))
			if p := problem.From(err); p == nil || p.Code != problem.BundleInvalid || !strings.Contains(p.What, "certificate") {
				t.Errorf("got %v", err)
			}
			if i.requests["rekor.example.com"] > 0 {
				t.Error("something was logged")
			}
		})
	}
}

func answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", "uuid")
		w.Header().Set("Location", "/api/v1/log/entries/uuid")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestServiceErrors(t *testing.T) {
	t.Parallel()
	const fulcio, rekor, tsa = "fulcio.example.com", "rekor.example.com", "tsa.example.com"
	for name, c := range map[string]struct {
		golden, host string
		status       int
		body         string
	}{
		"Fulcio 503":           {"fulcio-unavailable", fulcio, 503, "upstream connect error"},
		"Fulcio 400":           {"fulcio-rejected", fulcio, 400, `{"code":3,"message":"There was an error processing the identity token","details":[]}`},
		"Fulcio 400, no JSON":  {"fulcio-rejected-text", fulcio, 400, "bad gateway of somebody"},
		"Fulcio 401, no words": {"fulcio-rejected-empty", fulcio, 401, ""},
		"Rekor 502":            {"rekor-unavailable", rekor, 502, ""},
		"Rekor 400":            {"rekor-rejected", rekor, 400, `{"code":400,"message":"error processing entry: invalid signature"}`},
		"Rekor 413":            {"rekor-too-large", rekor, 413, "<html>Request Entity Too Large</html>"},
		"TSA 500":              {"timestamp-unavailable", tsa, 500, ""},
		"TSA 400":              {"timestamp-refused", tsa, 400, `{"message":"bad request"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			i.intercept[c.host] = answer(c.status, c.body)
			o := options(t, i, token(t, claims(nil)))
			if c.host == tsa {
				o.Instance.FulcioURL, o.Instance.RekorURL = "", ""
				o.Instance.SigningConfig = signingConfig(service(rekorURL, 1), service(tsaURL, 1), "ANY")
			}
			bundles, err := newSigner(t, o).Sign(t.Context(), statements(t, "a")[:1])
			goldenProblem(t, c.golden, err)
			if len(bundles) > 0 {
				t.Errorf("%d bundles", len(bundles))
			}
		})
	}
}

// What was logged before another statement failed is returned.
func TestSignHalf(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.intercept["rekor.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		var proposed struct {
			Spec struct{ ProposedContent struct{ Envelope string } }
		}
		var envelope struct{ Payload []byte }
		_ = json.Unmarshal(body, &proposed)
		_ = json.Unmarshal([]byte(proposed.Spec.ProposedContent.Envelope), &envelope)
		if bytes.Contains(envelope.Payload, []byte(attest.SignaturePredicateType)) {
			answer(400, `{"message":"no"}`).ServeHTTP(w, req)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		i.service(w, req)
	})
	sts := statements(t, "a")
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), sts)
	if problem.From(err) == nil || problem.From(err).Code != problem.RekorRejected {
		t.Errorf("got %v", err)
	}
	if len(bundles) != 1 || bundles[0].Statement != sts[0] {
		t.Errorf("%d bundles, want the one of the SBOM", len(bundles))
	}
}

// The log has the entry already, of a request whose answer was lost: it is fetched.
func TestConflict(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	i.intercept["rekor.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			_, _, header, err := i.record(req)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", header.Get("Location"))
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"code":409,"message":"an equivalent entry already exists"}`)
			return
		}
		i.service(w, req)
	})
	sts := statements(t, "a")[:1]
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), sts)
	if err != nil {
		t.Fatal(err)
	}
	independent(t, i, bundles[0])
}

// What the log answers must not end the process.
func TestMalformedEntry(t *testing.T) {
	t.Parallel()
	proof := `"inclusionProof":{"logIndex":0,"treeSize":1,"rootHash":"00","hashes":[],"checkpoint":"c"}`
	body := base64.StdEncoding.EncodeToString([]byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":{}}`))
	for name, entry := range map[string]string{
		"no entry":        `{}`,
		"null":            `null`,
		"entry is null":   `{"uuid":null}`,
		"empty entry":     `{"uuid":{}}`,
		"other uuid":      `{"other":{}}`,
		"fields are null": `{"uuid":{"body":null,"integratedTime":null,"logID":null,"logIndex":null,"verification":null}}`,
		"no proof":        `{"uuid":{"body":"","integratedTime":1,"logID":"00","logIndex":0,"verification":{}}}`,
		"proof is empty":  `{"uuid":{"body":"","integratedTime":1,"logID":"00","logIndex":0,"verification":{"inclusionProof":{}}}}`,
		"no body":         `{"uuid":{"body":null,"integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"body of nothing": `{"uuid":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"log is not hex":  `{"uuid":{"body":"e30=","integratedTime":1,"logID":"zz","logIndex":0,"verification":{` + proof + `}}}`,
		"empty body spec": `{"uuid":{"body":"` + body + `","integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"not JSON":        `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			i.intercept["rekor.example.com"] = answer(http.StatusCreated, entry)
			_, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), statements(t, "a")[:1])
			goldenProblem(t, "rekor-malformed", err)
		})
	}
}

func TestSignCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("stopped from outside")
	for _, host := range []string{"fulcio.example.com", "rekor.example.com"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			i := newInstance(t)
			i.intercept[host] = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body) // else the server does not see that the client goes
				cancel(cause)
				<-req.Context().Done()
			})
			_, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(ctx, statements(t, "a")[:1])
			if !errors.Is(err, cause) || problem.From(err).Code != problem.Unexpected {
				t.Errorf("got %v, want the cause", err)
			}
		})
	}
}

func TestVerifyBeforeAnything(t *testing.T) {
	t.Parallel()
	s := newSigner(t, options(t, newInstance(t), token(t, claims(nil))))
	if err := s.Verify([]byte("{}"), statements(t, "a")[0]); err == nil {
		t.Error("no error")
	}
}

// TestTooLarge: what the public log would drop without a word is refused before Fulcio or
// the log is asked; another log answers for itself.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	for rekor, want := range map[string]problem.Code{
		"https://rekor.sigstore.dev": problem.SBOMTooLarge,
		"https://rekor.example.com":  "", // it goes there
	} {
		i := newInstance(t)
		o := options(t, i, token(t, claims(nil)))
		o.Instance.RekorURL = rekor
		s := newSigner(t, o)
		large := statements(t, "a")[:1]
		large[0].Payload = append(large[0].Payload, bytes.Repeat([]byte(" "), 3<<20)...)
		_, err := s.Sign(t.Context(), large)
		if want == "" {
			if err != nil && problem.From(err).Code == problem.SBOMTooLarge {
				t.Errorf("%s: %v", rekor, err)
			}
			continue
		}
		if p := problem.From(err); p == nil || p.Code != want {
			t.Errorf("%s: %v, want %s", rekor, err, want)
		}
		if len(i.requests) > 0 {
			t.Errorf("%s: requests %v", rekor, i.requests)
		}
		goldenProblem(t, "too-large", err)
	}
}
