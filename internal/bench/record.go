package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"seal-image/internal/harness"
)

// A request is what the sandbox wrote down of one; see internal/sandbox/front.
type request struct {
	Service     string `json:"service"`
	Method      string `json:"method"`
	Path        string `json:"path"`
	Query       string `json:"query"`
	Status      int    `json:"status"`
	BodyBytes   int64  `json:"body_bytes"`
	AnswerBytes int64  `json:"answer_bytes"`
}

// A record is all requests of a run.
type record []request

// recorded takes the requests since it was last asked.
func recorded(ctx context.Context, job *harness.Job) (record, error) {
	lines, err := job.Ask(ctx, http.MethodGet, "/requests", nil)
	if err != nil {
		return nil, err
	}
	var r record
	decoder := json.NewDecoder(bytes.NewReader(lines))
	for decoder.More() {
		var one request
		if err := decoder.Decode(&one); err != nil {
			return nil, err
		}
		r = append(r, one)
	}
	_, err = job.Ask(ctx, http.MethodDelete, "/requests", nil)
	return r, err
}

// to is the number of requests to a service.
func (r record) to(service string) int {
	n := 0
	for _, one := range r {
		if one.Service == service {
			n++
		}
	}
	return n
}

// pulled is the bytes that the registry sent.
func (r record) pulled() (sum int64) {
	for _, one := range r {
		if one.Service == registry {
			sum += one.AnswerBytes
		}
	}
	return sum
}

// bytes are what a service was sent and has sent, without headers.
func (r record) bytes(service string) (in, out int64) {
	for _, one := range r {
		if one.Service == service {
			in += one.BodyBytes
			out += one.AnswerBytes
		}
	}
	return in, out
}

// services are those that were asked, sorted.
func (r record) services() []string {
	names := map[string]bool{}
	for _, one := range r {
		names[one.Service] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// kinds counts requests by service, method and what the path is about.
func (r record) kinds() map[string]int {
	kinds := map[string]int{}
	for _, one := range r {
		kinds[one.Service+" "+one.Method+" "+about(one)]++
	}
	return kinds
}

// about is what a request is about: its path without the names that differ from run to run.
func about(one request) string {
	switch where := strings.TrimPrefix(one.Path, "/twirp/github.actions.results.api.v1."); one.Service {
	case "tuf":
		return "all files"
	case "blobs":
		return "artifact"
	case registry:
		return inRegistry(where)
	default:
		return where
	}
}

// inRegistry is a path without the names of repositories and what is in them.
func inRegistry(where string) string {
	parts := strings.Split(where, "/")
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "sha256:"):
			parts[i] = "DIGEST"
		case strings.HasPrefix(part, "sha256-"):
			parts[i] = "TAG" + part[min(len(part), len("sha256-")+64):]
		case i > 0 && parts[i-1] == "uploads" && part != "":
			parts[i] = "ID"
		case strings.HasPrefix(part, "r-"):
			parts[i] = "REPOSITORY"
		}
	}
	return strings.TrimPrefix(strings.Join(parts, "/"), "/v2/acme/REPOSITORY/")
}

// shortName is how much of a name tells it from others: "manifests/sha256:" and some of the hash.
const shortName = 32

// twice lists what the registry sent more than once: blobs, and manifests, of which the tag is
// another name of the one with the digest top.
func (r record) twice(top string) []string {
	seen := map[string]int{}
	for _, one := range r {
		if one.Service != registry || one.Method != http.MethodGet || one.Status != http.StatusOK || strings.Contains(one.Path, "/referrers/") {
			continue
		}
		name := path.Base(one.Path)
		if name == pushedTag {
			name = top
		}
		if strings.HasPrefix(name, "sha256:") {
			seen[path.Base(path.Dir(one.Path))+"/"+name]++
		}
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if n := seen[name]; n > 1 {
			found = append(found, fmt.Sprintf("%s, %d times", name[:min(len(name), shortName)], n))
		}
	}
	return found
}

const registry = "registry"

// delayed are the services that a run asks.
var delayed = []string{registry, "fulcio", "rekor", "tsa", "tuf", "oidc", "results", "blobs", "github-api"}

// slow has every request to every service wait, or none with 0.
func slow(ctx context.Context, job *harness.Job, by time.Duration) error {
	if _, err := job.Ask(ctx, http.MethodDelete, "/faults", nil); err != nil || by == 0 {
		return err
	}
	for _, service := range delayed {
		order := fmt.Sprintf(`{"service":%q,"delay":%q}`, service, by)
		if _, err := job.Ask(ctx, http.MethodPost, "/faults", []byte(order)); err != nil {
			return err
		}
	}
	return nil
}
