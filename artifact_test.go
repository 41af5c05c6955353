package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// storedArtifact is what the sandbox says of an artifact of the run.
type storedArtifact struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func (s *script) artifacts(ts *testscript.TestScript) []storedArtifact {
	answer, err := s.job.Ask(context.Background(), http.MethodGet, "/artifacts", nil)
	ts.Check(err)
	return values[storedArtifact](ts, answer)
}

// artifacts: prints the names of the run's artifacts, and how many days they are kept for.
func artifacts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: artifacts")
	}
	out := ts.Stdout()
	for _, a := range of(ts).artifacts(ts) {
		kept := "as the repository says"
		if a.ExpiresAt != nil {
			const day = 24 * time.Hour
			kept = fmt.Sprintf("%d days", time.Until(*a.ExpiresAt).Round(day)/day)
		}
		fmt.Fprintf(out, "%s: %s\n", a.Name, kept)
	}
}

// unzip ID DIR: downloads an artifact of the run and unpacks it, and prints what is in it.
func unzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unzip ID DIR")
	}
	content, err := of(ts).job.Ask(context.Background(), http.MethodGet, "/artifacts/"+args[0], nil)
	ts.Check(err)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	ts.Check(err)
	out := ts.Stdout()
	for _, f := range archive.File {
		r, err := f.Open()
		ts.Check(err)
		content, err := io.ReadAll(r)
		ts.Check(err)
		to := filepath.Join(ts.MkAbs(args[1]), f.Name)
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
		ts.Check(os.WriteFile(to, content, 0o644))
		fmt.Fprintln(out, f.Name, f.Modified.UTC().Format(time.DateOnly))
	}
}

// attested FILE DOCUMENT: the predicate of the attestation that cosign has printed to FILE is
// the document, byte for byte.
func attested(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: attested FILE DOCUMENT")
	}
	var printed envelope
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &printed))
	var statement struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	ts.Check(json.Unmarshal(printed.Payload, &statement))
	if document := ts.ReadFile(args[1]); string(statement.Predicate) != document {
		ts.Fatalf("the predicate has %d bytes and is not %s, which has %d", len(statement.Predicate), args[1], len(document))
	}
}
