package container_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// ownerOf finds who hosts this repository, by the action that the reusable workflow runs.
var ownerOf = regexp.MustCompile(`[\w.-]+(/seal-image@v1)`)

// TestPublish holds what docs/usage.md says of the reusable workflow: what builds has no identity,
// what has the identity runs nothing but the action, and gets nothing from the build but a digest.
func TestPublish(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../.github/workflows/publish.yml")
	if err != nil {
		t.Fatal(err)
	}
	type step struct {
		Uses string            `yaml:"uses"`
		With map[string]string `yaml:"with"`
	}
	type job struct {
		Permissions map[string]string `yaml:"permissions"`
		Outputs     map[string]string `yaml:"outputs"`
		Steps       []step            `yaml:"steps"`
	}
	var workflow struct {
		Permissions map[string]string `yaml:"permissions"`
		Jobs        map[string]job    `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(ownerOf.ReplaceAll(content, []byte("OWNER$1")), &workflow); err != nil {
		t.Fatal(err)
	}
	if len(workflow.Jobs) != 2 {
		t.Fatalf("%d jobs, want two", len(workflow.Jobs))
	}
	build, seal := workflow.Jobs["build"], workflow.Jobs["seal"]
	seal.Outputs = nil
	for _, diff := range []string{
		cmp.Diff(map[string]string{"contents": "read", "packages": "write"}, build.Permissions),
		cmp.Diff(map[string]string{"digest": "${{ steps.push.outputs.digest }}"}, build.Outputs),
		cmp.Diff(job{
			Permissions: map[string]string{"packages": "write", "id-token": "write"},
			Steps: []step{{Uses: "OWNER/seal-image@v1", With: map[string]string{
				"image":              "${{ inputs.image }}",
				"digest":             "${{ needs.build.outputs.digest }}",
				"registry-username":  "${{ inputs.registry-username || secrets.registry-password && github.actor || '' }}",
				"registry-password":  "${{ secrets.registry-password || inputs.registry-username && github.token || '' }}",
				"private-repository": "${{ inputs.private-repository }}",
			}}},
		}, seal),
	} {
		if diff != "" {
			t.Errorf("(-want +publish.yml):\n%s", diff)
		}
	}
	if n := strings.Count(string(content), "${{ needs."); n != 1 {
		t.Errorf("the second job reads %d values of the first, want one", n)
	}
}
