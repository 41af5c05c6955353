package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"seal-image/internal/attest"
)

// The places in a bundle that the table changes.
const (
	entryAt     = "verificationMaterial.tlogEntries.0"
	promiseAt   = entryAt + ".inclusionPromise"
	proofAt     = entryAt + ".inclusionProof"
	stampsAt    = "verificationMaterial.timestampVerificationData"
	stampAt     = stampsAt + ".rfc3161Timestamps.0.signedTimestamp"
	leafAt      = "verificationMaterial.certificate"
	envelopeAt  = "dsseEnvelope"
	signatureAt = envelopeAt + ".signatures.0.sig"
)

type edit = func(b, other map[string]any)

// set puts a value at a path.
func set(path string, value any) edit {
	return func(b, _ map[string]any) { put(b, path, value) }
}

// drop removes what is at a path.
func drop(path string) edit {
	return func(b, _ map[string]any) {
		parent, name := split(path)
		delete(get(b, parent).(map[string]any), name)
	}
}

// swap takes what is at a path from the other bundle.
func swap(path string) edit {
	return func(b, other map[string]any) { put(b, path, get(other, path)) }
}

// flip changes one bit of the bytes at a path.
func flip(path string) edit {
	return func(b, _ map[string]any) { put(b, path, otherValue(get(b, path))) }
}

// rewrite changes the text at a path.
func rewrite(path string, change func(string) string) edit {
	return func(b, _ map[string]any) { put(b, path, change(get(b, path).(string))) }
}

// appended adds to the list at a path what is at another path.
func appended(path, from string) edit {
	return func(b, _ map[string]any) {
		list, _ := get(b, path).([]any)
		put(b, path, append(list, get(b, from)))
	}
}

func all(edits ...edit) edit {
	return func(b, other map[string]any) {
		for _, e := range edits {
			e(b, other)
		}
	}
}

func split(path string) (parent, name string) {
	at := strings.LastIndex(path, ".")
	return path[:max(at, 0)], path[at+1:]
}

func get(v any, path string) any {
	if path == "" {
		return v
	}
	name, rest, _ := strings.Cut(path, ".")
	switch v := v.(type) {
	case map[string]any:
		return get(v[name], rest)
	case []any:
		return get(v[index(name)], rest)
	default:
		panic("nothing at " + path)
	}
}

func put(v any, path string, value any) {
	parent, name := split(path)
	switch at := get(v, parent).(type) {
	case map[string]any:
		at[name] = value
	case []any:
		at[index(name)] = value
	default:
		panic("nothing at " + parent)
	}
}

func index(name string) int {
	n, err := strconv.Atoi(name)
	if err != nil {
		panic(err)
	}
	return n
}

// inBase64 is a change of the bytes that a text encodes.
func inBase64(change func([]byte) []byte) func(string) string {
	return func(encoded string) string {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			panic(err) // it was written by the tests
		}
		return base64.StdEncoding.EncodeToString(change(raw))
	}
}

// replaced is a change of a text, which must have it once.
func replaced(old, now string) func(string) string {
	return func(text string) string {
		if strings.Count(text, old) != 1 {
			panic("there is not one " + old + " in " + text)
		}
		return strings.Replace(text, old, now, 1)
	}
}

// inEntry is a change of the log entry of a layer.
func inEntry(change edit) func(l, other *attest.Layer) {
	return func(l, other *attest.Layer) {
		entry := decode(l.LogEntry)
		change(entry, decode(other.LogEntry))
		encoded, err := json.Marshal(entry)
		if err != nil {
			panic(err) // of a value that was decoded
		}
		l.LogEntry = encoded
	}
}

// inContent is a change of the content of a layer.
func inContent(change func(string) string) func(l, other *attest.Layer) {
	return func(l, _ *attest.Layer) { l.Content = []byte(change(string(bytes.Clone(l.Content)))) }
}
