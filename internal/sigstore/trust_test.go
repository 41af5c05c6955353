package sigstore_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	"seal-image/internal/sigstore"
)

func TestServicesFromSigningConfig(t *testing.T) {
	t.Parallel()
	const tsa2URL = "http://tsa2.example.com/api/v1/timestamp"
	both := service("http://rekor2.example.com", 2) + "," + service(rekorURL, 1)
	other := strings.ReplaceAll(service(tsa2URL, 1), "example.com\",\"validFor", "example.org\",\"validFor")
	two := service(tsaURL, 1) + "," + other
	for name, c := range map[string]struct {
		rekor, tsa, selector string
		want                 map[string]int // requests by host, for one statement
		format               attest.SignatureFormat
	}{
		"Rekor 2 of 1 and 2, for new verifiers": {
			both, service(tsaURL, 1), "ANY", map[string]int{"fulcio.example.com": 1, "rekor2.example.com": 1, "tsa.example.com": 1}, attest.Bundles,
		},
		"Rekor 2 is over": {
			ended(service("http://rekor2.example.com", 2)) + "," + service(rekorURL, 1), service(tsaURL, 1), "ANY",
			map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1},
			attest.Bundles,
		},
		"Rekor 1 for old verifiers": {
			both, service(tsaURL, 1), "ANY", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1}, attest.Legacy,
		},
		"Rekor 2 alone": {
			service("http://rekor2.example.com", 2), service(tsaURL, 1), "ANY", map[string]int{"fulcio.example.com": 1, "rekor2.example.com": 1, "tsa.example.com": 1}, attest.Both,
		},
		"the newer of two": {
			ended(service("http://old.example.com", 1)) + "," + service(rekorURL, 1), "", "ALL",
			map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1},
			attest.Both,
		},
		"Rekor 1 of 1 and 2":         {both, "", "ALL", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1}, attest.Both},
		"all timestamp authorities":  {both, two, "ALL", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1, "tsa2.example.com": 1}, attest.Both},
		"the only timestamp":         {both, service(tsaURL, 1), "ANY", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "tsa.example.com": 1}, attest.Both},
		"any timestamp of authority": {both, two, "ANY", map[string]int{"fulcio.example.com": 1, "rekor.example.com": 1, "some tsa": 1}, attest.Both},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t)
			o := options(t, i, token(t, claims(nil)))
			o.Instance = sigstore.Instance{TrustedRoot: file(i.trustedRoot(t)), SigningConfig: file(signingConfig(c.rekor, c.tsa, c.selector))}
			o.Format = c.format
			_, err := newSigner(t, o).Sign(t.Context(), three(t)[:1])
			if name == "all timestamp authorities" {
				// Both are the same authority here, and a verifier wants one of each.
				goldenProblem(t, "timestamps-of-one", err)
			} else if err != nil {
				t.Fatal(err)
			}
			if c.want["some tsa"] > 0 {
				i.requests["some tsa"] = i.requests["tsa.example.com"] + i.requests["tsa2.example.com"]
				delete(i.requests, "tsa.example.com")
				delete(i.requests, "tsa2.example.com")
			}
			if diff := cmp.Diff(c.want, i.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	good := i.trustedRoot(t)
	for name, c := range map[string]struct {
		golden string
		in     sigstore.Instance
	}{
		"trusted root":          {"bad-trusted-root", sigstore.Instance{TrustedRoot: file([]byte(`{"mediaType":"application/json"}`))}},
		"signing config":        {"bad-signing-config", sigstore.Instance{TrustedRoot: file(good), SigningConfig: file([]byte(`{"mediaType":"application/json"}`))}},
		"signing config, no CA": {"signing-config-no-fulcio", sigstore.Instance{TrustedRoot: file(good), SigningConfig: file([]byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`))}},
		"several logs": {"signing-config-two-logs", sigstore.Instance{TrustedRoot: file(good), SigningConfig: file([]byte(strings.Replace(string(signingConfig(
			service(rekorURL, 1)+","+strings.Replace(service("http://rekor3.example.com", 1), `"example.com"`, `"example.org"`, 1), "", "ALL")), `"ANY"`, `"ALL"`, 1)))}},
		"too few authorities": {"signing-config-few-tsa", sigstore.Instance{TrustedRoot: file(good), SigningConfig: file(signingConfig(service(rekorURL, 1), service(tsaURL, 2), "ALL"))}},
		"Rekor 2 without TSA": {"signing-config-no-time", sigstore.Instance{TrustedRoot: file(good), SigningConfig: file(signingConfig(service("http://rekor2.example.com", 2), "", "ALL"))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, i, token(t, claims(nil)))
			o.Instance = c.in
			s, err := sigstore.New(o)
			if err == nil {
				_, _, err = check(t.Context(), s)
			}
			goldenProblem(t, c.golden, err)
		})
	}
	for name, in := range map[string]sigstore.Instance{
		"trusted root is not JSON":   {TrustedRoot: file([]byte("{"))},
		"signing config is not JSON": {TrustedRoot: file(good), SigningConfig: file([]byte("{"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sigstore.New(sigstore.Options{Instance: in})
			if problem.From(err) == nil || problem.From(err).Code != problem.InputInvalid {
				t.Errorf("got %v", err)
			}
		})
	}
}

// ended is a service that has been shut down.
func ended(service string) string {
	return strings.Replace(service, `"validFor":{`, `"validFor":{"end":"2024-01-01T00:00:00Z",`, 1)
}

// No file and no answer: the advice names the TUF repository.
func TestTrustRootUnavailable(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	o := options(t, i, token(t, claims(nil)))
	o.Instance = sigstore.Instance{FulcioURL: fulcioURL, RekorURL: rekorURL, TUFURL: "http://tuf.example.com"}
	_, _, err := check(t.Context(), newSigner(t, o))
	goldenProblem(t, "trust-root", err)
	for host := range i.requests {
		if host != "tuf.example.com" {
			t.Errorf("%s was asked", host)
		}
	}
}
