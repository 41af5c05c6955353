package registry_test

import (
	"fmt"
	"time"

	"seal-image/internal/attest"
)

// signedAt is the time of every log entry here.
var signedAt = time.Date(2026, 9, 1, 12, 30, 0, 0, time.UTC)

// bundle is what the signer hands over; this package reads nothing of its JSON, and of the
// layer the log entry alone.
func bundle(st *attest.Statement, encoded, content, signature string) *attest.Bundle {
	return &attest.Bundle{
		Statement: st,
		JSON:      []byte(encoded),
		Layer: attest.Layer{
			Content:     []byte(content),
			Signature:   signature,
			Certificate: []byte("-----BEGIN CERTIFICATE-----\nbGVhZg==\n-----END CERTIFICATE-----\n"),
			Chain:       []byte("-----BEGIN CERTIFICATE-----\ncm9vdA==\n-----END CERTIFICATE-----\n"),
			LogEntry:    fmt.Appendf(nil, `{"SignedEntryTimestamp":"c2V0","Payload":{"body":"Ym9keQ==","integratedTime":%d,"logIndex":7,"logID":"c0ffee"}}`, signedAt.Unix()),
		},
		Entry: attest.LogEntry{IntegratedTime: signedAt},
	}
}

// attested is the signed SBOM of about, as a bundle or for `.att`.
func attested(about attest.Manifest, form attest.Form) *attest.Attachment {
	st := &attest.Statement{About: about, PayloadType: attest.PayloadType, PredicateType: attest.SPDXPredicateType}
	content := fmt.Sprintf(`{"payload":"SBOM of %s","signatures":[{"sig":"YQ=="}]}`, about.Ref.DigestStr())
	return &attest.Attachment{Form: form, About: about, Bundle: bundle(st, `{"bundle":"of the SBOM"}`, content, ""), State: attest.Planned}
}

// signature is the bundle that signs about.
func signature(about attest.Manifest) *attest.Attachment {
	st := &attest.Statement{About: about, PayloadType: attest.PayloadType, PredicateType: attest.SignaturePredicateType}
	return &attest.Attachment{Form: attest.FormBundle, About: about, Bundle: bundle(st, `{"bundle":"of the signature"}`, "", ""), State: attest.Planned}
}

// tagged is what signs about under the tag `.sig`. Signatures of one digest have the same
// content.
func tagged(about attest.Manifest, signature string) *attest.Attachment {
	st := &attest.Statement{About: about, PayloadType: attest.SimpleSigningType}
	content := fmt.Sprintf(`{"critical":%q}`, about.Ref.DigestStr())
	return &attest.Attachment{Form: attest.FormSig, About: about, Bundle: bundle(st, "", content, signature), State: attest.Planned}
}

// document is the SBOM of about, unsigned.
func document(about attest.Manifest, form attest.Form) *attest.Attachment {
	doc := &attest.Document{Format: attest.SPDXJSON, Bytes: fmt.Appendf(nil, `{"SPDXID":"SPDXRef-DOCUMENT","name":%q}`, about.Ref.DigestStr())}
	return &attest.Attachment{Form: form, About: about, Document: doc, State: attest.Planned}
}

// bundles are an SBOM attestation and a signature.
func bundles(about attest.Manifest) []*attest.Attachment {
	return []*attest.Attachment{attested(about, attest.FormBundle), signature(about)}
}

// everyForm has an attachment for each way to store one, in the order of the pipeline.
func everyForm(about attest.Manifest) []*attest.Attachment {
	return []*attest.Attachment{
		attested(about, attest.FormBundle),
		attested(about, attest.FormAtt),
		document(about, attest.FormReferrer),
		document(about, attest.FormTag),
		tagged(about, "c2lnbmF0dXJl"),
		signature(about),
	}
}
