package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// envelope is a DSSE envelope, as cosign verify-attestation prints it and as a bundle has it.
type envelope struct {
	Payload    []byte `json:"payload"`
	Signatures []struct {
		Sig []byte `json:"sig"`
	} `json:"signatures"`
}

// spdx FILE KIND PLATFORM DIGEST: checks the SPDX document of an attestation that cosign
// has printed to FILE: it is about DIGEST, it is a valid document, it names the digest of
// the image, and it lists just the packages that the test image has.
func checkSPDX(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: spdx FILE KIND PLATFORM DIGEST")
	}
	var printed envelope
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &printed))
	var statement struct {
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	ts.Check(json.Unmarshal(printed.Payload, &statement))
	if len(statement.Subject) != 1 || "sha256:"+statement.Subject[0].Digest["sha256"] != args[3] {
		ts.Fatalf("the statement is about %v, want %s", statement.Subject, args[3])
	}
	if statement.PredicateType != "https://spdx.dev/Document" {
		ts.Fatalf("the predicate type is %s", statement.PredicateType)
	}
	document, err := spdxjson.Read(bytes.NewReader(statement.Predicate))
	ts.Check(err)
	ts.Check(spdxlib.ValidateDocument(document))

	image := readImage(ts, args[1])
	for _, p := range image.Images {
		if p.Platform != args[2] {
			continue
		}
		var packages []string
		named := false
		for _, found := range document.Packages {
			if found.PrimaryPackagePurpose == "OPERATING_SYSTEM" {
				continue // the distribution, which is no package of its own database
			}
			named = named || found.PackageVersion == p.Digest
			for _, ref := range found.PackageExternalReferences {
				if kind, ok := purlType(ref.Locator); ok && ref.RefType == "purl" && kind != "oci" {
					packages = append(packages, fmt.Sprintf("%s %s %s", kind, found.PackageName, found.PackageVersion))
				}
			}
		}
		slices.Sort(packages)
		if diff := cmp.Diff(p.Packages, packages); diff != "" {
			ts.Fatalf("packages differ (-fixtures +document):\n%s", diff)
		}
		if !named || len(packages) == 0 {
			ts.Fatalf("the document names the image: %v; packages: %d", named, len(packages))
		}
		return
	}
	ts.Fatalf("the test image %s has no platform %s", args[1], args[2])
}

// predicate FILE TYPE DIGEST: prints the predicate of the attestation that cosign has printed
// to FILE, as indented JSON with its fields in their order. It is of the TYPE, about DIGEST.
func showPredicate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: predicate FILE TYPE DIGEST")
	}
	var printed envelope
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &printed))
	var st struct {
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	ts.Check(json.Unmarshal(printed.Payload, &st))
	if len(st.Subject) != 1 || "sha256:"+st.Subject[0].Digest["sha256"] != args[2] || st.PredicateType != args[1] {
		ts.Fatalf("it is a %s about %v, want a %s about %s", st.PredicateType, st.Subject, args[1], args[2])
	}
	var b bytes.Buffer
	ts.Check(json.Indent(&b, st.Predicate, "", "  "))
	fmt.Fprintln(ts.Stdout(), b.String())
}

func purlType(purl string) (string, bool) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	kind, _, slash := strings.Cut(rest, "/")
	return kind, ok && slash
}

// entry: asks Rekor for the entry that the outputs name, and compares its body with the
// bundle of the signature: the same payload and the same signature.
func entry(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if neg || len(args) > 0 {
		ts.Fatalf("usage: entry")
	}
	out, err := s.runner.Outputs()
	ts.Check(err)
	resp, err := http.Get(out["log-url"])
	ts.Check(err)
	defer resp.Body.Close()
	var found map[string]struct {
		Body     []byte `json:"body"`
		LogIndex int64  `json:"logIndex"`
	}
	ts.Check(json.NewDecoder(resp.Body).Decode(&found))
	content, err := os.ReadFile(filepath.Join(s.runner.Workspace, out["bundle-path"]))
	ts.Check(err)
	var bundle struct {
		Envelope envelope `json:"dsseEnvelope"`
	}
	ts.Check(json.Unmarshal(content, &bundle))
	for _, e := range found {
		var body struct {
			Kind string `json:"kind"`
			Spec struct {
				PayloadHash struct {
					Value string `json:"value"`
				} `json:"payloadHash"`
				Signatures []struct {
					Signature string `json:"signature"`
				} `json:"signatures"`
			} `json:"spec"`
		}
		ts.Check(json.Unmarshal(e.Body, &body))
		sum := sha256.Sum256(bundle.Envelope.Payload)
		got := []string{strconv.FormatInt(e.LogIndex, 10), body.Kind, body.Spec.PayloadHash.Value, body.Spec.Signatures[0].Signature}
		want := []string{out["log-index"], "dsse", hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(bundle.Envelope.Signatures[0].Sig)}
		if diff := cmp.Diff(want, got); diff != "" || len(found) != 1 {
			ts.Fatalf("%d entries; the log's differs from the bundle (-bundle +log):\n%s", len(found), diff)
		}
	}
	if len(found) == 0 {
		ts.Fatalf("Rekor has no entry %s", out["log-index"])
	}
}

// index-document FILE PLATFORM-FILE...: checks the SPDX document of an index: it is valid, it
// describes the index, and it names each platform's document by SHA-1 and namespace, and each
// platform's image as a variant of the index.
func indexDocument(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: index-document FILE PLATFORM-FILE...")
	}
	index, err := spdxjson.Read(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(spdxlib.ValidateDocument(index))
	refs := map[string]string{}
	for _, ref := range index.ExternalDocumentReferences {
		refs[ref.URI] = string(ref.Checksum.Algorithm) + ":" + ref.Checksum.Value
	}
	for _, file := range args[1:] {
		content := ts.ReadFile(file)
		document, err := spdxjson.Read(strings.NewReader(content))
		ts.Check(err)
		want := fmt.Sprintf("SHA1:%x", sha1.Sum([]byte(content)))
		if refs[document.DocumentNamespace] != want {
			ts.Fatalf("%s is %s, and the index says %v", file, want, refs)
		}
	}
	variants := 0
	for _, r := range index.Relationships {
		if r.Relationship == "VARIANT_OF" {
			variants++
		}
	}
	if variants != len(args)-1 || len(index.ExternalDocumentReferences) != variants {
		ts.Fatalf("%d variants and %d documents, want %d of each", variants, len(index.ExternalDocumentReferences), len(args)-1)
	}
}
