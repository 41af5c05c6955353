package stack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
)

// TestGitHubAttestations: GitHub's API stores what verifies and was signed by a job of the
// repository, and gives it back from elsewhere.
func TestGitHubAttestations(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	attestations := job.GitHubAPIURL + "/repos/acme/demo/attestations"
	encode := func(parameters string) string {
		encoded, err := signStatement(t, job, token(t, job, "sigstore", parameters)).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	good := encode("")
	var parts struct {
		Material json.RawMessage `json:"verificationMaterial"`
	}
	if err := json.Unmarshal([]byte(good), &parts); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		answer string
	}{
		"good":                  {`{"bundle":` + good + `}`, 201, `{"id":`},
		"another time":          {`{"bundle":` + good + `}`, 201, `{"id":`},
		"of another payload":    {`{"bundle":` + strings.Replace(good, `"payload":"e`, `"payload":"f`, 1) + `}`, 422, "Invalid bundle"},
		"of a message":          {fmt.Sprintf(`{"bundle":{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":%s,"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"eA=="},"signature":"eA=="}}}`, parts.Material), 422, "not a DSSE bundle"},
		"of another repository": {`{"bundle":` + encode("&claim.repository=acme/other") + `}`, 422, "Invalid bundle"},
		"no bundle":             {`{}`, 422, "Invalid bundle"},
		"unknown field":         {`{"bundle":` + good + `,"x":1}`, 422, "unknown field"},
	} {
		status, answer := send(t, http.MethodPost, attestations, job.GitHubToken, tt.body)
		if status != tt.status || !strings.Contains(string(answer), tt.answer) {
			t.Errorf("%s: %d %s, want %d %s", name, status, answer, tt.status, tt.answer)
		}
	}

	var list struct {
		Attestations []struct {
			URL string `json:"bundle_url"`
		}
	}
	_, answer := send(t, http.MethodGet, attestations+"/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", job.GitHubToken, "")
	if err := json.Unmarshal(answer, &list); err != nil || len(list.Attestations) != 2 {
		t.Fatalf("the list is %s, %v", answer, err)
	}
	if status, _ := send(t, http.MethodGet, list.Attestations[0].URL, job.GitHubToken, ""); status != http.StatusForbidden {
		t.Errorf("the storage takes the token: %d", status)
	}
	resp, err := http.Get(list.Attestations[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	compressed, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := snappy.Decode(nil, compressed)
	if diff := cmp.Diff(good, string(stored)); err != nil || diff != "" {
		t.Errorf("stored (-sent +stored), %v:\n%s", err, diff)
	}
	if _, answer := send(t, http.MethodGet, attestations+"/sha256:0", job.GitHubToken, ""); string(answer) != `{"attestations":[]}`+"\n" {
		t.Errorf("the list of nothing is %s", answer)
	}
}
