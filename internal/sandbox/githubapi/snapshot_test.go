package githubapi_test

import (
	"net/http"
	"strings"
	"testing"
)

const goodSnapshot = `{"version":0,"sha":"8f6a3c1e0b5d4f7a9c2e1d0b3a4c5d6e7f809a1b","ref":"refs/heads/main","job":{"id":"1","correlator":"a_b"},` +
	`"detector":{"name":"n","version":"1","url":"https://example.com"},"scanned":"2026-01-02T03:04:05Z","metadata":{"a":1},` +
	`"manifests":{"m":{"name":"m","file":{"source_location":"x"},"metadata":{"a":"b"},"resolved":{"k":{"package_url":"pkg:npm/a@1","relationship":"direct","scope":"runtime","dependencies":["pkg:npm/b@1"]}}}}}`

func TestSnapshots(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const path = repo + "/dependency-graph/snapshots"
	for name, tt := range map[string]struct {
		old, changed string
		status       int
		answer       string
	}{
		"good":              {"", "", 201, `"result":"SUCCESS"`},
		"another branch":    {"refs/heads/main", "refs/pull/7/merge", 201, `"result":"ACCEPTED"`},
		"no version":        {`"version":0,`, ``, 422, `wasn't supplied`},
		"no commit":         {"8f6a", "", 422, "is not a commit"},
		"short ref":         {"refs/heads/main", "main", 422, "^refs/"},
		"no correlator":     {`"correlator":"a_b"`, `"correlator":""`, 422, "correlator"},
		"no detector":       {`"url":"https://example.com"`, `"url":""`, 422, "weren't supplied"},
		"no date":           {"2026-01-02T", "2026-01-02 ", 422, "date-time"},
		"an object":         {`"metadata":{"a":1}`, `"metadata":{"a":{}}`, 422, "metadata"},
		"nine of metadata":  {`{"a":"b"}`, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`, 422, "manifest"},
		"no package URL":    {"pkg:npm/a@1", "npm/a@1", 422, "package URL"},
		"relationship":      {`"direct"`, `"transitive"`, 422, "direct, indirect"},
		"scope":             {`"runtime"`, `"test"`, 422, "runtime, development"},
		"unknown field":     {`"version":0,`, `"version":0,"x":1,`, 422, "unknown field"},
		"unknown of a file": {`"source_location"`, `"path"`, 422, "unknown field"},
		"not JSON":          {`{"version"`, `"version"`, 422, "Invalid request"},
	} {
		status, answer := s.ask(t, http.MethodPost, path, strings.Replace(goodSnapshot, tt.old, tt.changed, 1))
		if status != tt.status || !strings.Contains(answer, tt.answer) {
			t.Errorf("%s: %d %s, want %d %s", name, status, answer, tt.status, tt.answer)
		}
	}
	s.ask(t, http.MethodPost, path, strings.Replace(goodSnapshot, "a_b", "a_c", 1))
	s.ask(t, http.MethodPost, path, strings.Replace(goodSnapshot, "pkg:npm/a@1", "pkg:npm/a@2", 1))
	_, shown, _ := s.send(t, http.MethodGet, s.control.URL+"/github/snapshots", "", "")
	if strings.Count(shown, "\n") != 2 || strings.Count(shown, "pkg:npm/a@2") != 1 {
		t.Errorf("of one correlator the newest counts: %s", shown)
	}
	s.order(t, "/github/permissions", `{"contents":"read"}`)
	if status, answer := s.ask(t, http.MethodPost, path, goodSnapshot); status != http.StatusForbidden {
		t.Errorf("without contents: write: %d %s", status, answer)
	}
}
