package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
)

// nest puts an index into as many others.
func nest(idx v1.ImageIndex, levels int) v1.ImageIndex {
	for range levels {
		idx = index(mutate.IndexAddendum{Add: idx})
	}
	return idx
}

// Indexes in indexes are those of the images in them, each once and in order.
func TestResolveNestedIndex(t *testing.T) {
	t.Parallel()
	amd, arm, s390 := entry(t, "linux/amd64"), entry(t, "linux/arm64"), entry(t, "linux/s390x")
	inner := mutate.IndexAddendum{Add: index(arm, attestation(t), amd)}
	for name, c := range map[string]struct {
		pushed v1.ImageIndex
		want   []string
	}{
		"before others":       {index(inner, s390), []string{"linux/arm64", "linux/amd64", "linux/s390x"}},
		"after one of it":     {index(amd, inner, s390), []string{"linux/amd64", "linux/arm64", "linux/s390x"}},
		"twice":               {index(inner, inner), []string{"linux/arm64", "linux/amd64"}},
		"in two":              {index(mutate.IndexAddendum{Add: index(inner)}, inner), []string{"linux/arm64", "linux/amd64"}},
		"four levels":         {nest(index(amd), 3), []string{"linux/amd64"}},
		"the same in a level": {index(amd, mutate.IndexAddendum{Add: index(amd)}, amd), []string{"linux/amd64"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := inProcess{memory(false)}
			pushed := push(t, network, repository+":v1", c.pushed)
			got, err := client(network).Resolve(t.Context(), pushed.Ref, v1.Hash{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var platforms []string
			for _, img := range got.Images {
				platforms = append(platforms, img.Platform.String())
			}
			if diff := cmp.Diff(c.want, platforms); diff != "" || got.Platforms != len(c.want) || got.Manifest != pushed {
				t.Errorf("%d platforms of %v (-want +got):\n%s", got.Platforms, got.Manifest, diff)
			}
		})
	}
}

// entriesOf is an index with the same entry n times.
func entriesOf(m attest.Manifest, n int) []byte {
	entry := fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":%q}`, m.MediaType, m.Size, m.Ref.DigestStr())
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`,
		types.OCIImageIndex, strings.TrimSuffix(strings.Repeat(entry+",", n), ","))
}

// The entries of all levels count.
func TestResolveManyEntries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entries int
		nested  bool
		golden  string
	}{
		"1000":         {1000, false, ""},
		"1001":         {1001, false, "many-entries"},
		"999 in one":   {999, true, ""},
		"1000 and one": {1000, true, "many-entries-nested"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := inProcess{memory(false)}
			img := push(t, network, repository+":img", image(t, "linux/amd64", "x"))
			raw := entriesOf(img, c.entries)
			put(t, network, "v1", ociIndex, raw)
			if c.nested {
				inner := attest.Manifest{Ref: img.Ref.Digest(digestOf(string(raw)).String()), MediaType: types.OCIImageIndex, Size: int64(len(raw))}
				put(t, network, "v1", ociIndex, entriesOf(inner, 1))
			}
			got, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
			if c.golden != "" {
				goldenProblem(t, c.golden, err)
			} else if err != nil || len(got.Images) != 1 {
				t.Errorf("got %v, %v; want one image", got, err)
			}
		})
	}
}

// An entry whose manifest is missing is named, and not the index.
func TestResolveMissingEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(false)
		missing := ""
		network := inProcess{before(inner, func(w http.ResponseWriter, req *http.Request) bool {
			gone := missing != "" && strings.HasSuffix(req.URL.Path, missing)
			if gone {
				refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "not here")
			}
			return gone
		})}
		nested := push(t, network, repository+":nested", index(entry(t, "linux/amd64")))
		push(t, network, repository+":v1", nest(index(entry(t, "linux/amd64")), 1))
		missing = nested.Ref.DigestStr()
		_, err := client(network).Resolve(t.Context(), reference(t, repository+":v1"), v1.Hash{}, nil)
		goldenProblem(t, "entry-not-found", err)
	})
}
