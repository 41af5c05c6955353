package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"

	"seal-image/internal/attest"
)

// neutral are values of a bundle that say nothing: the versions are those of the body, and
// a verifier takes what is there.
var neutral = map[string]bool{
	".verificationMaterial.tlogEntries[0].kindVersion.kind ":    true,
	".verificationMaterial.tlogEntries[0].kindVersion.version ": true,
}

// TestEveryValueOfABundle: whichever value of a stored bundle differs, it is refused.
func TestEveryValueOfABundle(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := withTimestamps(options(t, i, token(t, claims(nil))))
	things, _ := signedThings(t, o)
	verifier := checked(t, o)
	tried := 0
	for _, name := range []string{"SBOM bundle", "signature bundle"} {
		eachLeaf(t, things[name].Content, func(path string, changed []byte) {
			tried++
			_, err := verifier.Verify(attest.Stored{Form: attest.FormBundle, Content: changed}, about(t, "a"))
			if !neutral[path] {
				wantInvalid(t, name+path, err)
			} else if err != nil {
				t.Errorf("%s%s is not neutral: %v", name, path, err)
			}
		})
	}
	if tried < 30 {
		t.Errorf("%d values were changed", tried)
	}
	if _, err := verifier.Verify(things["SBOM bundle"], about(t, "a")); err != nil { // so that none of the above fails for the encoding
		t.Error(err)
	}
}

// decode is for bundles that we made.
func decode(encoded []byte) map[string]any {
	var b map[string]any
	if err := json.Unmarshal(encoded, &b); err != nil {
		panic(err)
	}
	return b
}

func material(b map[string]any) map[string]any { return b["verificationMaterial"].(map[string]any) }

func entryOf(b map[string]any) map[string]any {
	return material(b)["tlogEntries"].([]any)[0].(map[string]any)
}

// TestVerifyRefusesBundle: parts that are missing, or belong to another bundle.
func TestVerifyRefusesBundle(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := withTimestamps(options(t, i, token(t, claims(nil))))
	things, _ := signedThings(t, o)
	again, _ := signedThings(t, o)
	verifier := checked(t, o)
	other := func(b map[string]any, of string, path ...string) {
		from := decode(again[of].Content)
		for _, p := range path[:len(path)-1] {
			b, from = b[p].(map[string]any), from[p].(map[string]any)
		}
		b[path[len(path)-1]] = from[path[len(path)-1]]
	}
	for name, change := range map[string]func(map[string]any){
		"no log entry":            func(b map[string]any) { material(b)["tlogEntries"] = []any{} },
		"no promise and no proof": func(b map[string]any) { delete(entryOf(b), "inclusionPromise"); delete(entryOf(b), "inclusionProof") },
		"no proof":                func(b map[string]any) { delete(entryOf(b), "inclusionProof") },
		"no promise":              func(b map[string]any) { delete(entryOf(b), "inclusionPromise") },
		"no timestamp":            func(b map[string]any) { delete(material(b), "timestampVerificationData") },
		"no certificate":          func(b map[string]any) { delete(material(b), "certificate") },
		"no signature":            func(b map[string]any) { b["dsseEnvelope"].(map[string]any)["signatures"] = []any{} },
		"no envelope":             func(b map[string]any) { delete(b, "dsseEnvelope") },
		"two log entries": func(b map[string]any) {
			material(b)["tlogEntries"] = append(material(b)["tlogEntries"].([]any), entryOf(b))
		},
		"entry of an equal bundle":      func(b map[string]any) { other(b, "SBOM bundle", "verificationMaterial", "tlogEntries") },
		"entry of another bundle":       func(b map[string]any) { other(b, "signature bundle", "verificationMaterial", "tlogEntries") },
		"certificate of another run":    func(b map[string]any) { other(b, "SBOM bundle", "verificationMaterial", "certificate") },
		"material of another run":       func(b map[string]any) { other(b, "SBOM bundle", "verificationMaterial") },
		"timestamp of another bundle":   func(b map[string]any) { other(b, "SBOM bundle", "verificationMaterial", "timestampVerificationData") },
		"statement of another bundle":   func(b map[string]any) { other(b, "signature bundle", "dsseEnvelope", "payload") },
		"signature of another run":      func(b map[string]any) { other(b, "SBOM bundle", "dsseEnvelope", "signatures") },
		"type of simple signing inside": func(b map[string]any) { b["dsseEnvelope"].(map[string]any)["payloadType"] = attest.SimpleSigningType },
		"nothing":                       func(b map[string]any) { clear(b) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := decode(things["SBOM bundle"].Content)
			change(b)
			encoded, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(attest.Stored{Form: attest.FormBundle, Content: encoded}, about(t, "a"))
			wantInvalid(t, name, err)
		})
	}
}

// TestEnvelopeOfOtherType: an envelope that is signed, but holds no in-toto statement, is
// nothing, whatever it says.
func TestEnvelopeOfOtherType(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	st := *three(t)[2]
	st.PayloadType = "application/json"
	bundles, err := newSigner(t, o).Sign(t.Context(), []*attest.Statement{&st})
	wantInvalid(t, "an envelope of JSON, just signed", err)
	verifier := checked(t, o)
	for _, b := range bundles {
		_, err := verifier.Verify(attest.Stored{Form: attest.FormBundle, Content: b.JSON}, about(t, "a"))
		wantInvalid(t, "an envelope of JSON", err)
		_, err = verifier.Verify(attest.Stored{Form: attest.FormAtt, Layer: b.Layer}, about(t, "a"))
		wantInvalid(t, "a layer of JSON", err)
	}
	if len(bundles) != 1 {
		t.Errorf("%d bundles; it is in the log all the same", len(bundles))
	}
}

// TestEveryValueOfALayer: whichever value of a layer under one of cosign's tags differs, it
// is refused.
func TestEveryValueOfALayer(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	things, _ := signedThings(t, o)
	again, _ := signedThings(t, o)
	verifier := checked(t, o)
	for _, name := range []string{"SBOM att", "signature sig"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := things[name]
			try := func(what string, change func(*attest.Layer)) {
				changed := good
				change(&changed.Layer)
				_, err := verifier.Verify(changed, about(t, "a"))
				wantInvalid(t, name+", "+what, err)
			}
			eachLeaf(t, good.Layer.Content, func(path string, changed []byte) {
				try("content"+path, func(l *attest.Layer) { l.Content = changed })
			})
			eachLeaf(t, good.Layer.LogEntry, func(path string, changed []byte) {
				try("log entry"+path, func(l *attest.Layer) { l.LogEntry = changed })
			})
			entry := layerEntry(t, good.Layer)
			body, err := base64.StdEncoding.DecodeString(entry.Payload.Body)
			if err != nil {
				t.Fatal(err)
			}
			eachLeaf(t, body, func(path string, changed []byte) {
				e := entry
				e.Payload.Body = base64.StdEncoding.EncodeToString(changed)
				encoded, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				try("body of the log entry"+path, func(l *attest.Layer) { l.LogEntry = encoded })
			})
			der, _ := pem.Decode(good.Layer.Certificate)
			for at := 0; at < len(der.Bytes); at += 16 {
				changed := bytes.Clone(der.Bytes)
				changed[at] ^= 1
				try(fmt.Sprintf("certificate, byte %d", at), func(l *attest.Layer) {
					l.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: changed})
				})
			}
			if good.Form == attest.FormSig {
				try("content with a space", func(l *attest.Layer) { l.Content = append(bytes.Clone(l.Content), ' ') })
				try("signature", func(l *attest.Layer) { l.Signature = otherValue(l.Signature).(string) })
				try("no signature", func(l *attest.Layer) { l.Signature = "" })
				try("no base64", func(l *attest.Layer) { l.Signature = "!" })
				try("signature of another run", func(l *attest.Layer) { l.Signature = again[name].Layer.Signature })
			}
			try("no content", func(l *attest.Layer) { l.Content = nil })
			try("no certificate", func(l *attest.Layer) { l.Certificate = nil })
			try("no log entry", func(l *attest.Layer) { l.LogEntry = nil })
			try("certificate of another run", func(l *attest.Layer) { l.Certificate = again[name].Layer.Certificate })
			try("log entry of another run", func(l *attest.Layer) { l.LogEntry = again[name].Layer.LogEntry })
			try("log entry of another statement", func(l *attest.Layer) { l.LogEntry = things["signature att"].Layer.LogEntry })
			if _, err := verifier.Verify(good, about(t, "a")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChainIsNotTrusted: the authorities are those of the trust root, whatever a layer says.
func TestChainIsNotTrusted(t *testing.T) {
	t.Parallel()
	i, attacker := newInstance(t), newInstance(t)
	theirs, _ := signedThings(t, options(t, attacker, token(t, claims(nil))))
	verifier := checked(t, options(t, i, token(t, claims(nil))))
	for name, stored := range theirs {
		_, err := verifier.Verify(stored, about(t, "a"))
		wantInvalid(t, name, err)
	}
	mine, _ := signedThings(t, options(t, i, token(t, claims(nil))))
	for name, stored := range mine {
		stored.Layer.Chain = nil
		got, err := verifier.Verify(stored, about(t, "a"))
		if err != nil {
			t.Fatalf("%s without chain: %v", name, err)
		}
		if stored.Form != attest.FormBundle && len(got.Layer.Chain) > 0 {
			t.Errorf("%s is not what is stored", name)
		}
	}
}
