package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"seal-image/internal/attest"
)

// nodes replaces one value of a JSON document by another; a fuzzer that flips bytes would
// hardly leave JSON. It looks into values that hold a document in base64, as log entries do.
type nodes struct {
	left int // until the one to replace
	now  any
}

// withNode is a document with the value number n replaced, from 1 on; done is false if there
// is none. The text is JSON, or else a string.
func withNode(encoded []byte, n int, text string) (changed []byte, done bool) {
	if n == 0 {
		return encoded, false
	}
	var now any
	if json.Unmarshal([]byte(text), &now) != nil {
		now = text
	}
	r := &nodes{left: n, now: now}
	if changed = r.document(encoded); changed == nil || r.left > 0 {
		return encoded, false
	}
	return changed, true
}

// document is nil if it is not one.
func (r *nodes) document(encoded []byte) []byte {
	var v any
	decode := json.NewDecoder(bytes.NewReader(encoded))
	decode.UseNumber()
	if decode.Decode(&v) != nil {
		return nil
	}
	changed, err := json.Marshal(r.value(v))
	if err != nil {
		return nil
	}
	return changed
}

func (r *nodes) value(v any) any {
	if r.left == 0 {
		return v
	}
	if r.left--; r.left == 0 {
		return r.now
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = r.value(v[name])
		}
	case []any:
		for n := range v {
			v[n] = r.value(v[n])
		}
	case string:
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil && bytes.HasPrefix(raw, []byte("{")) {
			if changed := r.document(raw); changed != nil && r.left == 0 {
				return base64.StdEncoding.EncodeToString(changed)
			}
		}
	}
	return v
}

// strange are values that a document may have in place of another.
var strange = []string{"null", "{}", "[]", "[{}]", "[null]", `""`, "0", "-1", "1e99", "true", "AAAA", "e30=", "{}x", `{"a":1}`}

// TestEveryNode: whatever stands in the place of a value of a bundle or a layer, the answer
// is an error, or says what was signed.
func TestEveryNode(t *testing.T) {
	t.Parallel()
	verifier := storedVerifier(t)
	meant := map[string]bool{}
	for name := range storedForms {
		meant[meaning(storedFile(t, name))] = true
	}
	for name := range storedForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded := storedFile(t, name)
			tried := 0
			for n := 1; ; n++ {
				if _, more := withNode(encoded, n, "null"); !more {
					break
				}
				for _, text := range strange {
					tried++
					changed, _ := withNode(encoded, n, text)
					stored := attest.Stored{Form: attest.FormBundle, Content: changed}
					if strings.HasSuffix(name, ".layer") {
						stored = readStored(t, name)
						if json.Unmarshal(changed, &stored.Layer) != nil {
							continue
						}
					}
					_, err := verifier.Verify(stored, about(t, "a"))
					if err == nil && stored.Form == attest.FormBundle && !meant[meaning(changed)] {
						t.Errorf("it is accepted with %s for value %d", text, n)
					}
				}
			}
			if tried < 100 {
				t.Errorf("%d values were replaced", tried)
			}
		})
	}
}
