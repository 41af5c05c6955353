package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzAnswer: whatever the child answers, there is an error, or as many documents as were asked
// for, which are what it wrote, to the last byte.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"none\n{\"packages\":1,\"sizes\":[2]}\n{}", "none\n{\"packages\":-1,\"sizes\":[0]}\n", "none\n{\"sizes\":[268435456,268435456]}\n", "none\n{\"sizes\":[9223372036854775807]}\n",
		"none\n{\"sizes\":[-1]}\n", "none\n{\"sizes\":[1,1]}\nab", "none\nnull\n", "\n\n", strings.Repeat("x", 300) + "\n", "none\n{\"sizes\":[1]}\nab", "none\n{\"sizes\":[1e1]}\n",
	} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(2))
	}
	f.Fuzz(func(t *testing.T, answer []byte, n uint8) {
		in := newAnswer(bytes.NewReader(answer))
		confined, err := readConfined(in)
		if err != nil {
			return
		}
		if len(confined) > maxConfined || strings.Contains(confined, "\n") {
			t.Errorf("what confines the child: %q", confined)
		}
		packages, documents, err := readAnswer(in, int(n))
		if err != nil {
			return
		}
		if packages < 0 || len(documents) != int(n) || !bytes.HasSuffix(answer, bytes.Join(documents, nil)) {
			t.Errorf("%d packages and %d documents, of %q", packages, len(documents), answer)
		}
		var b bytes.Buffer
		if err := writeAnswer(&b, packages, documents); err != nil {
			t.Fatal(err)
		}
		_, again, err := readAnswer(newAnswer(&b), int(n))
		if diff := cmp.Diff(documents, again); err != nil || diff != "" {
			t.Errorf("written and read again, %v (-want +got):\n%s", err, diff)
		}
	})
}

// FuzzRecognize: a document that is somebody else's is recognized, or refused in a sentence that
// can be shown as it is.
func FuzzRecognize(f *testing.F) {
	const spdx = `"SPDXID":"SPDXRef-DOCUMENT","name":"a","dataLicense":"CC0-1.0","documentNamespace":"https://example.com/a","creationInfo":{"created":"x","creators":["Tool: x"]}`
	for _, s := range []string{
		`{"spdxVersion":"SPDX-2.3",` + spdx + `}`, `{"spdxVersion":"SPDX-2.3\n::add-mask::x",` + spdx + `}`, `{"spdxVersion":7}`,
		`{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:x","version":1e9}`, `{"bomFormat":"CycloneDX","specVersion":"\u001b[31m\u2028"}`,
		`{"@context":1}`, `{"artifacts":1,"schema":1}`, `{"_type":null}`, `[]`, `null`, "<x>", "SPDXVersion: SPDX-2.3", "", "{", "\xff", `{"spdxid":"a","SPDXVERSION":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := recognize(content)
		if err == nil {
			if got.format == "" || !json.Valid(content) {
				t.Errorf("%q is recognized as %q", content, got.format)
			}
			return
		}
		text := err.Error()
		if _, ok := errors.AsType[reason](err); !ok || !strings.HasSuffix(text, ".") || len(text) > 300 || !utf8.ValidString(text) ||
			strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the reason is %q", text)
		}
	})
}
