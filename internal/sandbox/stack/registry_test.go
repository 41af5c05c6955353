package stack_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Every registry of a job is there, and stands behind a front under its own name.
func TestRegistries(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	hosts := map[string]string{
		"registry":                   job.Registry,
		"registry_without_referrers": job.RegistryNoReferrers,
		"registry_with_login":        job.RegistryWithLogin,
		"registry-with-basic-auth":   job.RegistryWithBasicAuth,
		"registry-distribution":      job.RegistryDistribution,
	}
	for name, host := range job.RegistryQuirks {
		hosts["registry-"+name] = host
	}
	var want []string
	for service, host := range hosts {
		status := " 200"
		if strings.Contains(service, "with") && service != "registry_without_referrers" {
			status = " 401"
		}
		want = append(want, service+" GET /v2/"+status)
		send(t, http.MethodGet, "http://"+host+"/v2/", "", "")
	}
	got := requests(t, job)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	const referrers = "/v2/app/referrers/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	got := map[string]int{}
	for name, host := range job.RegistryQuirks {
		got[name], _ = send(t, http.MethodGet, "http://"+host+referrers, "", "")
	}
	want := map[string]int{"ghcr": 429, "gitlab": 404, "ecr": 404, "jfrog": 404, "quay": 404, "harbor": 200, "eventual": 200}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("GET referrers (-want +got):\n%s", diff)
	}
}

// The record tells that a client asked for the right to pull, and later for the right to push.
func TestScopes(t *testing.T) {
	t.Parallel()
	job := newJob(t)
	ref, err := name.ParseReference(job.RegistryWithLogin + "/acme/scopes:v1")
	if err != nil {
		t.Fatal(err)
	}
	options := []remote.Option{
		remote.WithAuth(&authn.Basic{Username: job.RegistryUsername, Password: job.RegistryPassword}),
		remote.WithContext(t.Context()),
	}
	if _, err := remote.Get(ref, options...); err == nil {
		t.Error("there is an image before one was pushed")
	}
	if err := remote.Write(ref, empty.Image, options...); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Get(ref, options...); err != nil {
		t.Error(err)
	}
	var got []string
	for _, r := range record(t, job) {
		if r.Path != "/token" {
			continue
		}
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(query["scope"], " "))
	}
	want := []string{"repository:acme/scopes:pull", "repository:acme/scopes:push,pull", "repository:acme/scopes:pull"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scopes of tokens (-want +got):\n%s", diff)
	}
}
