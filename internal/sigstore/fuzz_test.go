package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

// The targets below read what registries, files and services may hand over. `make fuzz` runs
// them; go test runs what they start from, and what was found.

// FuzzBundle: what is accepted says what a bundle says that we have signed.
func FuzzBundle(f *testing.F) {
	meant := map[string]bool{}
	for name := range storedForms {
		if strings.HasSuffix(name, ".bundle") {
			content := storedFile(f, name)
			meant[meaning(content)] = true
			f.Add(content, uint8(0), "")
			f.Add(content, uint8(7), "null")
		}
	}
	verifier := storedVerifier(f)
	f.Fuzz(func(t *testing.T, encoded []byte, node uint8, text string) {
		encoded, _ = withNode(encoded, int(node), text)
		_, err := verifier.Verify(attest.Stored{Form: attest.FormBundle, Content: encoded}, about(t, "a"))
		if err == nil && !meant[meaning(encoded)] {
			t.Errorf("a bundle is accepted that nobody has signed: %s", encoded)
		}
	})
}

// meaning is what a bundle says: the statement, its signature and the certificate. All else
// is a proof of that.
func meaning(encoded []byte) string {
	var b protobundle.Bundle
	if err := protojson.Unmarshal(encoded, &b); err != nil {
		return err.Error()
	}
	envelope, material := b.GetDsseEnvelope(), b.GetVerificationMaterial()
	parts := [][]byte{[]byte(envelope.GetPayloadType()), envelope.GetPayload()}
	for _, s := range envelope.GetSignatures() {
		parts = append(parts, s.GetSig())
	}
	leaf := material.GetCertificate().GetRawBytes()
	if chain := material.GetX509CertificateChain().GetCertificates(); len(chain) > 0 {
		leaf = chain[0].GetRawBytes()
	}
	return string(bytes.Join(append(parts, leaf), []byte{0}))
}

// FuzzLayer: the same of layers below cosign's tags.
func FuzzLayer(f *testing.F) {
	type layer = attest.Layer
	good := map[attest.Form]layer{}
	for _, name := range []string{"att.layer", "sig.layer"} {
		s := readStored(f, name)
		good[s.Form] = s.Layer
		f.Add(s.Layer.Content, s.Layer.Signature, s.Layer.Certificate, s.Layer.LogEntry)
	}
	verifier := storedVerifier(f)
	f.Fuzz(func(t *testing.T, content []byte, signature string, certificate, entry []byte) {
		l := layer{Content: content, Signature: signature, Certificate: certificate, LogEntry: entry}
		for _, form := range []attest.Form{attest.FormAtt, attest.FormSig} {
			got, err := verifier.Verify(attest.Stored{Form: form, Layer: l}, about(t, "a"))
			if err != nil {
				continue
			}
			if signed := []byte(payloadOf(t, form, good[form])); !bytes.Equal(got.Statement.Payload, signed) {
				t.Errorf("a layer %s is accepted that nobody has signed: %s", form, got.Statement.Payload)
			}
		}
	})
}

// payloadOf is the payload of a layer.
func payloadOf(t *testing.T, form attest.Form, l attest.Layer) string {
	t.Helper()
	if form == attest.FormSig {
		return string(l.Content)
	}
	var envelope struct{ Payload []byte }
	if err := json.Unmarshal(l.Content, &envelope); err != nil {
		t.Fatal(err)
	}
	return string(envelope.Payload)
}

// FuzzStatement: what is accepted, other decoders read in the same way.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(sbomStatement))
	for _, c := range statementCases {
		for _, change := range []func(*signing){c.signed, c.fault} {
			s := &signing{payload: sbomStatement, logs: make([]logging, 1)}
			if change != nil {
				change(s)
				f.Add([]byte(s.payload))
			}
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := sigstore.ParseStatement(payload)
		if err != nil {
			return
		}
		var plain struct {
			Type          string `json:"_type"`
			PredicateType string `json:"predicateType"`
			Subject       []struct{ Digest map[string]string }
		}
		if err := json.Unmarshal(payload, &plain); err == nil && plain.PredicateType != got {
			t.Errorf("encoding/json reads %q, we %q", plain.PredicateType, got)
		}
		envelope := &bundle.Envelope{Envelope: &ssldsse.Envelope{PayloadType: attest.PayloadType, Payload: base64.StdEncoding.EncodeToString(payload)}}
		proto, err := envelope.Statement()
		if err != nil {
			return // it knows fewer statements: those whose predicate is an object
		}
		if proto.GetPredicateType() != got || proto.GetType() != plain.Type {
			t.Errorf("protojson reads %q of the type %q, we %q", proto.GetPredicateType(), proto.GetType(), got)
		}
		for n, s := range proto.GetSubject() {
			if n < len(plain.Subject) && s.GetDigest()["sha256"] != plain.Subject[n].Digest["sha256"] {
				t.Errorf("subject %d: protojson reads %v, encoding/json %v", n, s.GetDigest(), plain.Subject[n].Digest)
			}
		}
	})
}

// FuzzTrustedRoot: a trust root that can be read can be verified with.
func FuzzTrustedRoot(f *testing.F) {
	f.Add(storedFile(f, "trusted_root.json"))
	var all []attest.Stored
	for name := range storedForms {
		all = append(all, readStored(f, name))
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if len(encoded) == 0 {
			t.Skip() // no file: the one of the TUF repository
		}
		v, err := loadVerifier(t, encoded)
		if err != nil {
			wantExplained(t, err)
			return
		}
		for _, stored := range all {
			_, _ = v.Verify(stored, about(t, "a"))
		}
	})
}

// wantExplained: a person is told what to do.
func wantExplained(t *testing.T, err error) {
	t.Helper()
	if p, ok := errors.AsType[*problem.Problem](err); !ok || slices.Contains([]string{p.What, p.Why, p.Fix}, "") {
		t.Errorf("an error without advice: %v", err)
	}
}
