package tuf_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	sigstoretuf "github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"seal-image/internal/sandbox/tuf"
)

const trustedRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// fetch is what a client does that starts with the root alone.
func fetch(t *testing.T, repository *tuf.Repository, url string) error {
	t.Helper()
	client, err := sigstoretuf.New(&sigstoretuf.Options{
		Root:              repository.Root(),
		RepositoryBaseURL: url,
		DisableLocalCache: true,
		Fetcher:           fetcher.NewDefaultFetcher(),
		Context:           t.Context(),
	})
	if err != nil {
		return err
	}
	content, err := client.GetTarget("trusted_root.json")
	if err == nil && string(content) != trustedRoot {
		t.Errorf("fetched %s", content)
	}
	return err
}

func TestStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[tuf.State]string{
		tuf.Good:              "",
		tuf.Expired:           "timestamp.json is expired",
		tuf.ExpiredRoot:       "final root.json is expired",
		tuf.RolledBack:        "bad version number error: expected 2, got 1",
		tuf.RolledBackTargets: "expected targets version 2, got 1",
		tuf.RolledBackRoot:    "bad version number, expected 2, got 1",
		tuf.Tampered:          "hash verification failed",
		tuf.Foreign:           "Verifying timestamp failed, not enough signatures",
		tuf.Endless:           "", // see TestEndless
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			repository, err := tuf.New([]tuf.Target{{Name: "trusted_root.json", Content: []byte(trustedRoot)}})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(repository)
			t.Cleanup(server.Close)
			if err := repository.SetState(state); err != nil {
				t.Fatal(err)
			}
			err = fetch(t, repository, server.URL)
			if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
				t.Errorf("fetch: %v, want %q", err, want)
			}
			if err := repository.SetState(tuf.Good); err != nil {
				t.Fatal(err)
			}
			if err := fetch(t, repository, server.URL); err != nil {
				t.Errorf("fetch when all is good again: %v", err)
			}
		})
	}
}

// A client takes the roots that it is given until it has had enough, and works with the last one.
func TestEndless(t *testing.T) {
	t.Parallel()
	repository, err := tuf.New([]tuf.Target{{Name: "trusted_root.json", Content: []byte(trustedRoot)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.SetState(tuf.Endless); err != nil {
		t.Fatal(err)
	}
	var roots atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".root.json") {
			roots.Add(1)
		}
		repository.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	if err := fetch(t, repository, server.URL); err != nil {
		t.Error(err)
	}
	const enough = 256 // of go-tuf
	if got := roots.Load(); got != enough {
		t.Errorf("the client fetched %d roots, want %d", got, enough)
	}
}

func TestUnknownState(t *testing.T) {
	t.Parallel()
	repository, err := tuf.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.SetState("bad"); err == nil || !strings.Contains(err.Error(), `unknown state "bad", have ["good" "expired" `) {
		t.Errorf("set state: %v", err)
	}
}
