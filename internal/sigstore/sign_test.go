package sigstore_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
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
	sts := three(t)
	s := newSigner(t, options(t, i, token(t, claims(nil))))
	bundles, err := s.Sign(t.Context(), sts)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundles) != len(sts) {
		t.Fatalf("%d bundles for %d statements", len(bundles), len(sts))
	}
	if diff := cmp.Diff(map[string]int{"fulcio.example.com": 1, "rekor.example.com": 3}, i.requests); diff != "" {
		t.Errorf("requests: one certificate, an entry per statement (-want +got):\n%s", diff)
	}
	seen := map[int64]bool{}
	for n, b := range bundles {
		if b.Statement != sts[n] || b.Signer != identity || b.Existing {
			t.Errorf("bundle %d is about %v by %v", n, b.Statement, b.Signer)
		}
		independent(t, i, b)
		want := fmt.Sprintf("http://rekor.example.com/api/v1/log/entries?logIndex=%d", b.Entry.Index)
		if b.Entry.URL != want || b.Entry.IntegratedTime.IsZero() || len(b.Entry.LogID) != 64 || seen[b.Entry.Index] {
			t.Errorf("entry %+v, want the URL %s", b.Entry, want)
		}
		seen[b.Entry.Index] = true
		got, err := s.Verify(attest.Stored{Form: attest.FormBundle, Content: b.JSON}, sts[n].About)
		if sts[n].IsSimpleSigning() {
			if err == nil { // the bundle does not hold what is signed
				t.Error("a bundle of a simple signing payload was accepted")
			}
			continue
		}
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		checkRead(t, b, got)
	}
}

// checkRead: what was verified says what was made.
func checkRead(t *testing.T, made, got *attest.Bundle) {
	t.Helper()
	want := *made.Statement
	if got.Statement.About != want.About || got.Statement.PayloadType != want.PayloadType ||
		got.Statement.PredicateType != want.PredicateType || !bytes.Equal(got.Statement.Payload, want.Payload) {
		t.Errorf("the statement is %+v", got.Statement)
	}
	if diff := cmp.Diff(made.Entry, got.Entry); diff != "" {
		t.Errorf("entry (-made +verified):\n%s", diff)
	}
	if !bytes.Equal(got.Layer.Content, made.Layer.Content) || got.Layer.Signature != made.Layer.Signature || !bytes.Equal(got.Layer.Certificate, made.Layer.Certificate) || !bytes.Equal(got.Layer.Chain, made.Layer.Chain) {
		t.Errorf("the layer is %+v, it was %+v", got.Layer, made.Layer)
	}
	if diff := cmp.Diff(string(made.Layer.LogEntry), string(got.Layer.LogEntry)); diff != "" {
		t.Errorf("log entry of the layer (-made +verified):\n%s", diff)
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
	artifact := verify.WithArtifactDigest("sha256", bytes.Repeat([]byte{0xaa}, 32))
	if b.Statement.IsSimpleSigning() {
		artifact = verify.WithArtifact(bytes.NewReader(b.Statement.Payload))
	}
	result, err := verifier.Verify(&parsed, verify.NewPolicy(artifact, verify.WithCertificateIdentity(id)))
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Statement.GetPredicateType(); got != b.Statement.PredicateType {
		t.Errorf("predicate type %s, want %s", got, b.Statement.PredicateType)
	}
}

// TestUploads: the log got a hashedrekord of what is signed as it is, and a dsse entry of
// an attestation, of exactly the bytes that the layer holds: its envelope hash covers them.
func TestUploads(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), three(t))
	if err != nil {
		t.Fatal(err)
	}
	uploads := i.uploads()
	for _, b := range bundles {
		entry := layerEntry(t, b.Layer)
		body, err := bodyOf(entry.Payload.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b.Statement.IsSimpleSigning() {
			want := hash{"sha256", hexOf(sha256.Sum256(b.Layer.Content))}
			if body.Kind != "hashedrekord" || body.Spec.Data.Hash != want || !bytes.Equal(b.Layer.Content, b.Statement.Payload) {
				t.Errorf("the entry is %+v, want a hashedrekord of %+v", body, want)
			}
			signedBy(t, b.Layer)
			continue
		}
		want := hash{"sha256", hexOf(sha256.Sum256(b.Layer.Content))}
		if body.Kind != "dsse" || body.Spec.EnvelopeHash != want || body.Spec.PayloadHash.Value != hexOf(sha256.Sum256(b.Statement.Payload)) {
			t.Errorf("the entry is %+v, want a dsse of %+v", body, want)
		}
		found := 0
		for _, u := range uploads {
			if u.Spec.ProposedContent.Envelope == string(b.Layer.Content) {
				found++
			}
		}
		if found != 1 || b.Layer.Signature != "" {
			t.Errorf("the envelope of the layer was uploaded %d times: %s", found, b.Layer.Content)
		}
	}
}

// rekorBundle is the log entry of a layer, as cosign's specification has it.
type rekorBundle struct {
	SignedEntryTimestamp []byte
	Payload              struct {
		Body           string `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogIndex       int64  `json:"logIndex"`
		LogID          string `json:"logID"`
	}
}

func layerEntry(t *testing.T, l attest.Layer) rekorBundle {
	t.Helper()
	var out rekorBundle
	if err := json.Unmarshal(l.LogEntry, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// signedBy verifies the signature of a layer with the key of its certificate, by hand.
func signedBy(t *testing.T, l attest.Layer) {
	t.Helper()
	block, rest := pem.Decode(l.Certificate)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		t.Fatalf("the certificate is %s", l.Certificate)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(l.Signature)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(l.Content)
	if !ecdsa.VerifyASN1(cert.PublicKey.(*ecdsa.PublicKey), digest[:], signature) {
		t.Error("the signature does not verify")
	}
}

// TestChain: the layer has the authorities above the certificate, the root last.
func TestChain(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), three(t))
	if err != nil {
		t.Fatal(err)
	}
	want := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.issuer.Raw})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root.Raw}))
	for _, b := range bundles {
		if diff := cmp.Diff(want, string(b.Layer.Chain)); diff != "" {
			t.Errorf("chain (-want +got):\n%s", diff)
		}
	}
}

// The same log under the public name: the link is the one that people can open.
func TestEntryURLOfPublicLog(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	publicLog(i, &o)
	bundles, err := newSigner(t, o).Sign(t.Context(), three(t)[:1])
	if err != nil {
		t.Fatal(err)
	}
	if got := bundles[0].Entry.URL; got != "https://search.sigstore.dev/?logIndex=700" {
		t.Errorf("URL %s", got)
	}
}

// publicLog gives the log of an instance the public name; it never leaves this process.
func publicLog(i *instance, o *sigstore.Options) {
	i.intercept["rekor.sigstore.dev"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Host = "rekor.example.com"
		i.service(w, req)
	})
	o.Instance.RekorURL = "http://rekor.sigstore.dev/"
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
	sts := three(t)[:2]
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), sts)
	if problem.From(err) == nil || problem.From(err).Code != problem.RekorRejected {
		t.Errorf("got %v", err)
	}
	if len(bundles) != 1 || bundles[0].Statement != sts[0] {
		t.Errorf("%d bundles, want the one of the SBOM", len(bundles))
	}
}

// The log has the entry already, of a request whose answer was lost: it is fetched.
//
// faults: F19
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
	bundles, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), three(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bundles {
		independent(t, i, b)
	}
}
