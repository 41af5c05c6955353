package report_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
	"seal-image/internal/golden"
	"seal-image/internal/report"
)

// unchanged is what GitHub does not rename: https://docs.github.com/rest/releases/assets
var unchanged = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*[A-Za-z0-9_-]$`)

func TestAssets(t *testing.T) {
	t.Parallel()
	m := &sealer{}
	for name, res := range map[string]*attest.Result{
		"single":           one(t, plain(), how{}),
		"legacy":           one(t, multi(), how{sign: attest.Legacy}),
		"multi":            one(t, multi(), how{}),
		"several":          several(t),
		"same-name":        result(m.seal(t, plain(), how{}), m.seal(t, in("quay.io/acme/app", multi()), how{})),
		"mirrored":         result(m.seal(t, plain(), how{}), m.seal(t, in("quay.io/acme/app", plain()), how{})),
		"path-in-platform": dryRun(single(image("a", v1.Platform{OS: "linux", Architecture: "../../etc", Variant: "a\nb"}))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := report.Files(res, dir)
			if err != nil {
				t.Fatal(err)
			}
			assets := report.Assets(res, files)
			names := slices.Sorted(maps.Keys(assets))
			golden.Compare(t, "assets/"+name+".txt", strings.Join(names, "\n")+"\n")
			for file, content := range files {
				_, beside := files[strings.Replace(file, ".legacy", "", 1)]
				left := strings.Contains(file, ".legacy") && beside
				if same := func(name string) bool { return string(assets[name]) == string(content) }; slices.ContainsFunc(names, same) == left {
					t.Errorf("%s: left out: %v", file, !left)
				}
			}
			for _, name := range names {
				if !unchanged.MatchString(name) {
					t.Errorf("GitHub renames %q", name)
				}
			}
		})
	}
}
