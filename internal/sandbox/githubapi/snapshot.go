package githubapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A snapshot is what the dependency graph takes. Fields that are unknown are refused.
//
// https://docs.github.com/rest/dependency-graph/dependency-submission
type snapshot struct {
	Version *int   `json:"version"`
	SHA     string `json:"sha"`
	Ref     string `json:"ref"`
	Job     struct {
		ID         string `json:"id"`
		Correlator string `json:"correlator"`
		URL        string `json:"html_url"`
	} `json:"job"`
	Detector struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		URL     string `json:"url"`
	} `json:"detector"`
	Metadata  metadata             `json:"metadata,omitempty"`
	Manifests map[string]*manifest `json:"manifests"`
	Scanned   string               `json:"scanned"`
}

type manifest struct {
	Name string `json:"name"`
	File *struct {
		Location string `json:"source_location"`
	} `json:"file,omitempty"`
	Metadata metadata               `json:"metadata,omitempty"`
	Resolved map[string]*dependency `json:"resolved"`
}

type dependency struct {
	URL          string   `json:"package_url"`
	Metadata     metadata `json:"metadata,omitempty"`
	Relationship string   `json:"relationship"`
	Scope        string   `json:"scope"`
	Dependencies []string `json:"dependencies"`
}

// metadata has at most eight scalar values.
type metadata map[string]any

const defaultBranch = "refs/heads/main"

func (s *Service) routeSnapshots(mux *http.ServeMux) {
	s.route(mux, "POST /repos/{owner}/{repo}/dependency-graph/snapshots", "contents", Write, s.createSnapshot)
}

// createSnapshot takes a snapshot in the place of an older one of the same detector and job.
// The graph is that of the default branch.
func (s *Service) createSnapshot(r *http.Request) (*answer, error) {
	var n snapshot
	if err := strict(r, &n); err != nil {
		return nil, err
	}
	if wrong := n.wrong(); wrong != "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid request.\n\n"+wrong)
	}
	result, message := "ACCEPTED", "The snapshot was accepted, but it is not for the default branch. It will not update dependency results for the repository."
	if n.Ref == defaultBranch {
		result, message = "SUCCESS", "Dependency results for the repo have been successfully updated."
	}
	s.snapshots[n.Detector.Name+" "+n.Job.Correlator] = &n
	return &answer{status: http.StatusCreated, body: map[string]any{
		"id": s.newID(), "created_at": time.Now().UTC().Format(time.RFC3339), "result": result, "message": message,
	}}, nil
}

var (
	commit     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	packageURL = regexp.MustCompile(`^pkg:[a-z][a-z0-9.+-]*/[^\s]+$`)
)

// wrong is what the schema does not allow; empty if nothing.
func (n *snapshot) wrong() string {
	_, err := time.Parse(time.RFC3339, n.Scanned)
	switch {
	case n.Version == nil:
		return `"version" wasn't supplied.`
	case !commit.MatchString(n.SHA):
		return fmt.Sprintf("%q is not a commit.", n.SHA)
	case !strings.HasPrefix(n.Ref, "refs/"):
		return fmt.Sprintf("%q does not match ^refs/.", n.Ref)
	case n.Job.ID == "" || n.Job.Correlator == "":
		return `"id", "correlator" weren't supplied.`
	case n.Detector.Name == "" || n.Detector.Version == "" || n.Detector.URL == "":
		return `"name", "version", "url" weren't supplied.`
	case err != nil:
		return fmt.Sprintf("%q is not a date-time.", n.Scanned)
	case !n.Metadata.valid():
		return "metadata is not valid."
	}
	for key, m := range n.Manifests {
		if m == nil || m.Name == "" || !m.Metadata.valid() {
			return fmt.Sprintf("manifest %q is not valid.", key)
		}
		for key, d := range m.Resolved {
			if wrong := d.wrong(); wrong != "" {
				return fmt.Sprintf("%q of %q: %s", key, m.Name, wrong)
			}
		}
	}
	return ""
}

func (d *dependency) wrong() string {
	switch {
	case d == nil:
		return "null is not an object."
	case !packageURL.MatchString(d.URL):
		return fmt.Sprintf("%q is not a package URL.", d.URL)
	case d.Relationship != "direct" && d.Relationship != "indirect":
		return fmt.Sprintf("%q is not a member of direct, indirect.", d.Relationship)
	case d.Scope != "runtime" && d.Scope != "development":
		return fmt.Sprintf("%q is not a member of runtime, development.", d.Scope)
	case !d.Metadata.valid():
		return "metadata is not valid."
	}
	return ""
}

func (m metadata) valid() bool {
	for _, v := range m {
		switch v.(type) {
		case string, float64, bool, nil:
		default:
			return false
		}
	}
	return len(m) <= 8
}

const bodyLimit = 64 << 20 // bytes

// strict reads the body of a request, and nothing that is unknown.
func strict(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, bodyLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse(http.StatusUnprocessableEntity, "Invalid request.\n\n"+err.Error())
	}
	return nil
}
