package sigstore_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

func answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", "uuid")
		w.Header().Set("Location", "/api/v1/log/entries/uuid")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestServiceErrors(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		golden, host string
		status       int
		body         string
	}{
		"Fulcio 503":           {"fulcio-unavailable", fulcio, 503, "upstream connect error"},
		"Fulcio 400":           {"fulcio-rejected", fulcio, 400, `{"code":3,"message":"There was an error processing the identity token","details":[]}`},
		"Fulcio 400, no JSON":  {"fulcio-rejected-text", fulcio, 400, "bad gateway of somebody"},
		"Fulcio 401, no words": {"fulcio-rejected-empty", fulcio, 401, ""},
		"Fulcio 200, no JSON":  {"fulcio-unreadable", fulcio, 200, "<html>Sign in</html>"},
		"TSA 200, no answer":   {"timestamp-unreadable", tsa, 200, "<html>Sign in</html>"},
		"Fulcio 302":           {"fulcio-redirects", fulcio, 302, ""},
		"Rekor 502":            {"rekor-unavailable", rekor, 502, ""},
		"Rekor 400":            {"rekor-rejected", rekor, 400, `{"code":400,"message":"error processing entry: invalid signature"}`},
		"Rekor 413":            {"rekor-too-large", rekor, 413, "<html>Request Entity Too Large</html>"},
		"TSA 500":              {"timestamp-unavailable", tsa, 500, ""},
		"TSA 400":              {"timestamp-refused", tsa, 400, `{"message":"bad request"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sleepTo2026()
				i := newServices(t)
				i.network = once{i.network}
				i.intercept[c.host] = answer(c.status, c.body)
				o := options(t, i, token(t, claims(nil)))
				if c.host == tsa {
					o = withTimestamps(o)
				}
				bundles, err := newSigner(t, o).Sign(t.Context(), three(t)[:1])
				goldenProblem(t, c.golden, err)
				if len(bundles) > 0 {
					t.Errorf("%d bundles", len(bundles))
				}
			})
		})
	}
}

// What the log answers must not end the process.
//
// faults: F23
func TestMalformedEntry(t *testing.T) {
	t.Parallel()
	proof := `"inclusionProof":{"logIndex":0,"treeSize":1,"rootHash":"00","hashes":[],"checkpoint":"c"}`
	body := base64.StdEncoding.EncodeToString([]byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":{}}`))
	for name, entry := range map[string]string{
		"no entry":        `{}`,
		"null":            `null`,
		"entry is null":   `{"uuid":null}`,
		"empty entry":     `{"uuid":{}}`,
		"other uuid":      `{"other":{}}`,
		"fields are null": `{"uuid":{"body":null,"integratedTime":null,"logID":null,"logIndex":null,"verification":null}}`,
		"no proof":        `{"uuid":{"body":"","integratedTime":1,"logID":"00","logIndex":0,"verification":{}}}`,
		"proof is empty":  `{"uuid":{"body":"","integratedTime":1,"logID":"00","logIndex":0,"verification":{"inclusionProof":{}}}}`,
		"no body":         `{"uuid":{"body":null,"integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"body of nothing": `{"uuid":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"log is not hex":  `{"uuid":{"body":"e30=","integratedTime":1,"logID":"zz","logIndex":0,"verification":{` + proof + `}}}`,
		"empty body spec": `{"uuid":{"body":"` + body + `","integratedTime":1,"logID":"00","logIndex":0,"verification":{` + proof + `}}}`,
		"not JSON":        `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			i.intercept["rekor.example.com"] = answer(http.StatusCreated, entry)
			for _, st := range three(t) {
				_, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(t.Context(), []*attest.Statement{st})
				goldenProblem(t, "rekor-malformed", err)
			}
		})
	}
}

// TestForeignEntry: a log that answers with the entry of something else is not believed,
// and what was sent to it counts as public.
//
// faults: F20
func TestForeignEntry(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	sts := three(t)
	if _, err := newSigner(t, o).Sign(t.Context(), sts[1:2]); err != nil {
		t.Fatal(err)
	}
	for uuid, entry := range i.posted {
		i.intercept["rekor.example.com"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", uuid)
			w.Header().Set("Location", "/api/v1/log/entries/"+uuid)
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(entry)
		})
	}
	for _, st := range sts {
		bundles, err := newSigner(t, o).Sign(t.Context(), []*attest.Statement{st})
		goldenProblem(t, "foreign-entry", err)
		if len(bundles) != 1 || bundles[0].Statement != st {
			t.Errorf("%d bundles", len(bundles))
		}
	}
}

func TestSignCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("stopped from outside")
	for _, host := range []string{"fulcio.example.com", "rekor.example.com"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			i := newInstance(t)
			i.intercept[host] = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body) // else the server does not see that the client goes
				cancel(cause)
				<-req.Context().Done()
			})
			_, err := newSigner(t, options(t, i, token(t, claims(nil)))).Sign(ctx, three(t)[:1])
			if !errors.Is(err, cause) || problem.From(err).Code != problem.Unexpected {
				t.Errorf("got %v, want the cause", err)
			}
		})
	}
}
