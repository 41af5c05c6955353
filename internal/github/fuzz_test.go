package github_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"seal-image/internal/attest"
	"seal-image/internal/github"
	"seal-image/internal/problem"
	"seal-image/internal/secret"
)

// anyAnswer is what every request gets.
type anyAnswer struct {
	status int
	header http.Header
	body   []byte

	asked []*http.Request
}

func (a *anyAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, req)
	if len(a.asked) > 1000 {
		return nil, errors.New("there is no end of requests")
	}
	return &http.Response{StatusCode: a.status, Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), Request: req}, nil
}

// answersOf are a few that GitHub gives, and some that it does not.
var answersOf = []string{
	`{"id":7,"upload_url":"https://uploads.example.com/x{?name,label}","html_url":"javascript:alert(1)","tag_name":"::add-mask::x"}`,
	`{"ok":true,"signed_upload_url":"https://blob.example.com/x?sig=c2ln","artifact_id":"4000000001"}`, `{"ok":true,"signedUploadUrl":"::","artifactId":1e99}`,
	`{"message":"##[error]x\r\n","errors":["a",{"code":"already_exists","field":"name"},null,7],"documentation_url":""}`, `{"msg":"insufficient usage \u2028"}`,
	`[{"id":1,"name":"a","state":"uploaded","digest":"sha256:x"},null]`, `{"attestations":[null,{"bundle_url":"file:///etc/passwd"},{"bundle":{"dsseEnvelope":7}}]}`,
	"null", "[]", "", "<html>", "\xff", `{"id":-1e400}`, `{"result":"INVALID","message":"` + strings.Repeat("é", 300) + `"}`,
}

// FuzzServices: whatever GitHub's API or the artifact service answers, there is an end; what is
// wrong is a problem with advice, valid text without the token, which no other host gets.
func FuzzServices(f *testing.F) {
	for i, body := range answersOf {
		f.Add(200+i%2, "Link", `<x>; rel="next"`, []byte(body))
		f.Add([]int{422, 403, 404, 409, 500}[i%5], "X-Ms-Error-Code", "::error::x", []byte(body))
		f.Add(302, "Location", "https://elsewhere.example.com/", []byte(body))
	}
	page := regexp.MustCompile(`^` + regexp.QuoteMeta(pages) + `-?\d+$`)
	f.Fuzz(func(t *testing.T, status int, name, value string, body []byte) {
		network := &anyAnswer{status: status, header: http.Header{}, body: body}
		network.header.Set(name, value)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const runtime = "Actions.Results:run-1:job-1"
		api := github.NewAPI(github.APIOptions{URL: "https://api.example.com", Token: secret.New("hunter2-hunter2"), Repository: "acme/demo", Transport: network})
		artifacts := github.NewArtifacts(github.Options{
			ResultsURL: "https://results.example.com/", Token: token(runtime), Transport: network, Mask: func(...secret.String) {},
			RunURL: "https://github.com/acme/demo/actions/runs/1",
		})
		bundles := []*attest.Bundle{attested("new", attest.SPDXPredicateType, false), attested("old", attest.SPDXPredicateType, true)}
		checkAdvice(t, api.StoreAttestations(ctx, pages, bundles))
		for _, b := range bundles {
			if b.Page != "" && !page.MatchString(b.Page) {
				t.Errorf("the page of an attestation is %q", b.Page)
			}
		}
		for _, ref := range []github.ReleaseRef{{ID: 7}, {Tag: "v1"}} {
			_, err := api.AttachToRelease(ctx, ref, map[string][]byte{"a.json": []byte("{}")})
			checkAdvice(t, err)
		}
		checkAdvice(t, api.SubmitSnapshot(ctx, &github.Snapshot{}))
		_, err := artifacts.Upload(ctx, github.Upload{Name: "sbom", Files: map[string][]byte{"a.json": []byte("{}")}})
		checkAdvice(t, err)
		for _, req := range network.asked {
			host, ours := req.URL.Host, []string{"api.example.com", "uploads.example.com", "results.example.com"}
			if req.Header.Get("Authorization") != "" && !strings.Contains(strings.Join(ours, " "), host) {
				t.Errorf("a token goes to %s", host)
			}
		}
	})
}

// signedURL is one of the answers', whatever stands around it.
var signedURL = regexp.MustCompile(`https://blob\.example\.com/x\?sig=`)

func checkAdvice(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	p := problem.From(err)
	if p.Code == problem.Unexpected || p.Why == "" || p.Fix == "" {
		t.Errorf("there is no advice for %v", err)
	}
	if text := err.Error() + p.What + p.Why + p.Fix; strings.Contains(text, "hunter2") || signedURL.MatchString(text) {
		t.Errorf("a secret is in %q", text)
	}
}
