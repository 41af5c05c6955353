package github

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"seal-image/internal/attest"
)

// A Snapshot is what GitHub's dependency graph is told about the images of one repository of a
// registry.
// Source: https://docs.github.com/rest/dependency-graph/dependency-submission
type Snapshot struct {
	Version   int                  `json:"version"` // always 0: of two for one commit, the later counts
	Scan                           // where it is from
	Manifests map[string]*manifest `json:"manifests"`

	Packages int `json:"-"` // that are in it
	LeftOut  int `json:"-"` // that have no package URL
}

// A Scan is where snapshots are from.
type Scan struct {
	SHA      string    `json:"sha"` // of the commit, 40 hexadecimal digits
	Ref      string    `json:"ref"` // e.g. refs/heads/main
	Job      Origin    `json:"job"`
	Detector Detector  `json:"detector"`
	Time     time.Time `json:"scanned"`
}

// Origin is the job that a snapshot is of.
type Origin struct {
	ID string `json:"id"` // of the run
	// Correlator names what is submitted again and again: a newer snapshot takes the place of
	// an older one with the same. That of a [Scan] is for the job alone.
	Correlator string `json:"correlator"`
	URL        string `json:"html_url,omitempty"`
}

// Detector is the program that has found the packages.
type Detector struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"url"`
}

// manifest is what one platform holds.
type manifest struct {
	Name     string                 `json:"name"`
	Metadata map[string]string      `json:"metadata"` // at most eight
	Resolved map[string]*dependency `json:"resolved"` // by package URL
}

type dependency struct {
	URL          string       `json:"package_url"`
	Relationship relationship `json:"relationship"`
	Scope        string       `json:"scope"`
	Dependencies []string     `json:"dependencies,omitempty"` // package URLs
}

type relationship string

const (
	direct   relationship = "direct"
	indirect relationship = "indirect"
)

// Snapshots has one for each repository of the registry that has sealed images with an SBOM,
// in the order of res. An image of several repositories is in that of the first alone.
func (s Scan) Snapshots(res *attest.Result) ([]*Snapshot, error) {
	var out []*Snapshot
	byCorrelator := map[string]*Snapshot{}
	seen := map[string]bool{} // digests
	for _, seal := range res.Seals {
		for _, img := range seal.Subject.Images {
			document := documentOf(seal.SBOMOf(img))
			if document == nil || seen[img.Ref.DigestStr()] {
				continue
			}
			seen[img.Ref.DigestStr()] = true
			packages, err := document.Packages()
			if err != nil {
				return nil, fmt.Errorf("packages of %s: %w", img.Ref, err)
			}
			correlator := s.correlator(seal.Subject)
			if byCorrelator[correlator] == nil {
				n := &Snapshot{Scan: s, Manifests: map[string]*manifest{}}
				n.Job.Correlator, n.Time = correlator, s.Time.UTC().Truncate(time.Second)
				byCorrelator[correlator], out = n, append(out, n)
			}
			byCorrelator[correlator].add(img, packages)
		}
	}
	return out, nil
}

// documentOf is the first whose packages can be read; nil without one.
func documentOf(sbom *attest.SBOM) *attest.Document {
	if sbom == nil {
		return nil
	}
	for i, d := range sbom.Documents {
		if d.Format == attest.SPDXJSON || d.Format == attest.CycloneDXJSON {
			return &sbom.Documents[i]
		}
	}
	return nil
}

// correlator is the same in each run of the job that seals the image again. Jobs of a matrix
// have one id: the repository tells them apart, or the platform where each has one.
func (s Scan) correlator(subject *attest.Subject) string {
	parts := []string{s.Job.Correlator, subject.Ref.Context().Name()}
	if !subject.IsIndex() {
		parts = append(parts, subject.Images[0].Platform.String())
	}
	return strings.Join(parts, "_")
}

// add lists the packages of a platform.
func (n *Snapshot) add(img attest.Image, packages []attest.Package) {
	m := &manifest{
		Name:     fmt.Sprintf("%s (%s)", img.Ref.Context().Name(), img.Platform),
		Metadata: map[string]string{"image": img.Ref.String(), "platform": img.Platform.String()},
		Resolved: map[string]*dependency{},
	}
	if n.Manifests[m.Name] != nil { // another tag of the repository
		m.Name = fmt.Sprintf("%s@sha256:%s (%s)", img.Ref.Context().Name(), img.Digest().Hex[:12], img.Platform)
	}
	n.Manifests[m.Name] = m
	needed := map[int]bool{}
	for _, p := range packages {
		for _, i := range p.DependsOn {
			needed[i] = true
		}
	}
	for i, p := range packages {
		if !strings.HasPrefix(p.URL, "pkg:") {
			n.LeftOut++
			continue
		}
		d := m.Resolved[p.URL]
		if d == nil {
			d = &dependency{URL: p.URL, Relationship: indirect, Scope: "runtime"}
			m.Resolved[p.URL] = d
		}
		if !needed[i] {
			d.Relationship = direct
		}
		d.need(packages, p.DependsOn)
	}
	n.Packages += len(m.Resolved)
}

// need adds the packages at these places of the list, by their URLs.
func (d *dependency) need(packages []attest.Package, places []int) {
	for _, i := range places {
		if url := packages[i].URL; strings.HasPrefix(url, "pkg:") && url != d.URL {
			d.Dependencies = append(d.Dependencies, url)
		}
	}
	slices.Sort(d.Dependencies)
	d.Dependencies = slices.Compact(d.Dependencies)
}
