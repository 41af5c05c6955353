package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"seal-image/internal/attest"
)

// given is what is known of a document that somebody else made.
type given struct {
	format attest.Format
	id     string // namespace of SPDX; serial number and version of CycloneDX, as a BOM link
}

// reason is why a file is not accepted: a sentence for the user, who reads it as it is.
type reason string

func (r reason) Error() string { return string(r) }

func reasonf(format string, args ...any) reason { return reason(fmt.Sprintf(format, args...)) }

// unlisted is why the packages of a document that was recognized cannot be counted.
func unlisted(f attest.Format, err error) reason {
	kind := "SPDX"
	if f == attest.CycloneDXJSON {
		kind = "CycloneDX"
	}
	field := attest.UnreadableError("packages")
	errors.As(err, &field)
	return reasonf("It is %s, but its %s cannot be read.", kind, string(field))
}

// recognize reads an SPDX 2 or a CycloneDX document in JSON. The error is a
// [reason], and quotes nothing of the content but versions.
func recognize(content []byte) (given, error) {
	if !json.Valid(content) {
		return given{}, notJSON(content)
	}
	// By exact names: a struct would also take "spdxid".
	var top map[string]json.RawMessage
	if json.Unmarshal(content, &top) != nil {
		return given{}, reason("It is JSON, but not an object.")
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return top[n] == nil })
	}
	switch {
	case has("spdxVersion"):
		return recognizeSPDX(top)
	case has("bomFormat"):
		return recognizeCycloneDX(top)
	case has("@context"):
		return given{}, reason("It is SPDX 3, and attestations have SPDX 2.")
	case has("artifacts", "schema"):
		return given{}, reason("It is syft's own JSON, which has no predicate type.")
	case has("_type"), has("payload"):
		return given{}, reason("It is an attestation, and not the document alone.")
	}
	return given{}, reason("It is JSON, but has neither spdxVersion nor bomFormat.")
}

// notJSON says what the content is instead, as far as its beginning tells.
func notJSON(content []byte) reason {
	start := bytes.TrimSpace(content[:min(len(content), 1<<10)])
	switch {
	case len(start) == 0:
		return "It is empty."
	case start[0] == '<':
		return "It is XML, and attestations have JSON."
	case bytes.Contains(start, []byte("SPDXVersion:")):
		return "It is SPDX as tag-value, and attestations have JSON."
	case start[0] == '{':
		return "It begins as JSON and is none; it may be cut off."
	}
	return "It is not JSON."
}

// recognizeSPDX wants the mandatory fields of the section 6.
// https://spdx.github.io/spdx-spec/v2.3/document-creation-information/
func recognizeSPDX(top map[string]json.RawMessage) (given, error) {
	if version := text(top["spdxVersion"]); !slices.Contains([]string{"SPDX-2.2", "SPDX-2.3"}, version) {
		return given{}, reasonf("It is of the version %.20q; SPDX-2.2 and SPDX-2.3 are known.", version)
	}
	for _, name := range []string{"SPDXID", "name", "dataLicense", "documentNamespace"} {
		if text(top[name]) == "" {
			return given{}, reasonf("It is SPDX without %s, which is mandatory.", name)
		}
	}
	if text(top["SPDXID"]) != "SPDXRef-DOCUMENT" {
		return given{}, reason("Its SPDXID is not SPDXRef-DOCUMENT, which is mandatory.")
	}
	namespace := text(top["documentNamespace"])
	if u, err := url.Parse(namespace); err != nil || !u.IsAbs() || strings.Contains(namespace, "#") {
		return given{}, reason("Its documentNamespace is not an absolute URI without #, which is mandatory.")
	}
	var info struct {
		Created  string
		Creators []string
	}
	if top["creationInfo"] != nil && json.Unmarshal(top["creationInfo"], &info) != nil {
		return given{}, reason("It is SPDX, but its creationInfo cannot be read.")
	}
	if info.Created == "" || len(info.Creators) == 0 {
		return given{}, reason("It is SPDX without creationInfo, which is mandatory.")
	}
	return given{format: attest.SPDXJSON, id: namespace}, nil
}

// recognizeCycloneDX wants a version that the predicate type is for.
// https://cyclonedx.org/docs/1.6/json/
func recognizeCycloneDX(top map[string]json.RawMessage) (given, error) {
	if text(top["bomFormat"]) != "CycloneDX" {
		return given{}, reason("Its bomFormat is not CycloneDX.")
	}
	known := []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"}
	if version := text(top["specVersion"]); !slices.Contains(known, version) {
		return given{}, reasonf("It is of the version %.20q; CycloneDX %s are known.", version, strings.Join(known, ", "))
	}
	version := 1
	if top["version"] != nil && json.Unmarshal(top["version"], &version) != nil {
		return given{}, reason("It is CycloneDX, but its version is not a number.")
	}
	d := given{format: attest.CycloneDXJSON}
	if uuid, ok := strings.CutPrefix(text(top["serialNumber"]), "urn:uuid:"); ok {
		d.id = fmt.Sprintf("urn:cdx:%s/%d", uuid, version)
	}
	return d, nil
}

// text is the string in raw; "" if it is none.
func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
