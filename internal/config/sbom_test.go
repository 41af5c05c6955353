package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/config"
)

func TestSBOM(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with   step
		change func(s *config.SBOM, workspace string) // of the defaults
	}{
		"formats, each once": {
			step{"format": "spdx, cyclonedx-json\nsyft-json,spdx,spdx-json"},
			func(s *config.SBOM, _ string) {
				s.Formats = []string{"spdx", "cyclonedx-json", "syft-json", "spdx-json"}
			},
		},
		"an empty list of formats": {step{"format": " , \n"}, func(*config.SBOM, string) {}},
		"files":                    {step{"sbom-files": "owned"}, func(s *config.SBOM, _ string) { s.Files = "owned" }},
		"catalogers": {
			step{"catalogers": "image,-binary\n+sbom-cataloger, go-module-binary-cataloger"},
			func(s *config.SBOM, _ string) {
				s.Catalogers = []string{"image", "-binary", "+sbom-cataloger", "go-module-binary-cataloger"}
			},
		},
		"exclude": {
			step{"exclude": "/usr/share/doc/\n./opt/x/,*/etc,**/*.jar,/,./"},
			func(s *config.SBOM, _ string) {
				s.Exclude = []string{"/usr/share/doc", "/opt/x", "*/etc", "**/*.jar", "/", "/"}
			},
		},
		"attached in every way": {
			step{"attach-sbom": "tag,referrer,attestation,tag"},
			func(s *config.SBOM, _ string) { s.Referrer, s.Tag = true, true },
		},
		"the plain document alone": {
			step{"attach-sbom": "referrer"},
			func(s *config.SBOM, _ string) { s.Attestation, s.Referrer = false, true },
		},
		"nowhere, as there is none": {
			step{"sbom": "false", "attach-sbom": ","},
			func(s *config.SBOM, _ string) { s.Enabled, s.Attestation = false, false },
		},
		"a given file": {
			step{"sbom-path": "./out//app.json", "allow-empty-sbom": "true"},
			func(s *config.SBOM, workspace string) {
				s.Path, s.Formats, s.AllowEmpty = filepath.Join(workspace, "out/app.json"), nil, true
			},
		},
		"a link to a file of the workspace": {
			step{"sbom-path": "inside.json"},
			func(s *config.SBOM, workspace string) {
				s.Path, s.Formats = filepath.Join(workspace, "inside.json"), nil
			},
		},
		"a file per platform": {
			step{"sbom-path": "sboms/{platform}/app.json"},
			func(s *config.SBOM, workspace string) {
				s.Path, s.Formats = filepath.Join(workspace, "sboms/{platform}/app.json"), nil
			},
		},
		"a file for several tags": {
			step{"sbom-path": "out/app.json", "image": "app:v1,app:latest", "format": "spdx-json"},
			func(s *config.SBOM, workspace string) {
				s.Path, s.Formats = filepath.Join(workspace, "out/app.json"), nil
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, step{"image": "app:v1"}.and(tt.with))
			s.write(t, "out/app.json", "{}")
			if err := os.Symlink("out/app.json", filepath.Join(s["GITHUB_WORKSPACE"], "inside.json")); err != nil {
				t.Fatal(err)
			}
			want := config.SBOM{Enabled: true, Formats: []string{"spdx-json"}, Files: "none", Attestation: true}
			tt.change(&want, s["GITHUB_WORKSPACE"])
			if diff := cmp.Diff(want, parse(t, s).SBOM); diff != "" {
				t.Errorf("SBOM (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSBOMPathAbsolute: the runner translates ${{ github.workspace }} in an input.
func TestSBOMPathAbsolute(t *testing.T) {
	t.Parallel()
	s := newStep(t, step{"image": "app:v1"})
	s.write(t, "app.json", "{}")
	s["sbom-path"] = filepath.Join(s["GITHUB_WORKSPACE"], "app.json")
	if got := parse(t, s).SBOM.Path; got != s["sbom-path"] {
		t.Errorf("Path = %q, want %q", got, s["sbom-path"])
	}
}
