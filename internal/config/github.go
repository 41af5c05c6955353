package config

import "slices"

// GitHub is what GitHub is told of the images, beside the files that it keeps.
type GitHub struct {
	Attestation bool // store the bundles about SBOM and provenance
	Snapshot    bool // submit the packages to the dependency graph
}

// github reads the inputs and finds what leaves nothing to tell.
func (r *reader) github(s SBOM, provenance bool) GitHub {
	g := GitHub{Attestation: r.withToken("github-attestation"), Snapshot: r.withToken("dependency-snapshot")}
	if slices.ContainsFunc([]string{"sbom", "format", "attach-sbom", "provenance"}, r.mistaken) {
		return g
	}
	list := s.Path != "" || slices.Contains(s.Formats, "spdx-json") || slices.Contains(s.Formats, "cyclonedx-json")
	switch {
	case !g.Snapshot:
	case !s.Enabled:
		r.wrong("dependency-snapshot", "it submits the packages of the SBOM, and sbom is false", "sbom: true")
	case !list:
		r.wrong("dependency-snapshot", "it reads SPDX or CycloneDX in JSON, and format has neither", "format: spdx-json   # or cyclonedx-json")
	}
	if attested := s.Enabled && list && s.Attestation; g.Attestation && !provenance && !attested {
		r.wrong("github-attestation", "there is nothing to store: no SBOM is attested, and no provenance", "provenance: true   # or an SBOM, and attach-sbom with attestation")
	}
	return g
}
