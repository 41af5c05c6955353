package registry

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/attest"
)

// FuzzFallback: the index of anyone keeps all that it has, byte for byte, and gets our entries
// after that, each once; in which order two runs add theirs does not matter.
func FuzzFallback(f *testing.F) {
	for _, s := range []string{
		`{"schemaVersion":2,"manifests":[]}`, `{"manifests":null}`, `{"Manifests":[1],"manifests":[{"digest":"sha512:x"}, 7 ]}`, `null`, `[]`, `{}`,
		`{"manifests":[{ "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1.0,"x":"<&>"}],"a<b":"\u2028"}`,
		`{"manifests":[{"platform":{"os":"linux"}}],"mediaType":null}`, `{"manifests":{}}`, `{"":1,"manifests":["::add-mask::x"],"é":[1,{"a":2}]}`,
	} {
		f.Add([]byte(s))
	}
	a, b := added(f, "a"), added(f, "b")
	f.Fuzz(func(t *testing.T, raw []byte) {
		theirs, err := parseFallback(raw)
		if err != nil {
			return
		}
		forth := extend(t, raw, a, b)
		ours, err := parseFallback(forth)
		if err != nil {
			t.Fatalf("%v in what became of %s:\n%s", err, raw, forth)
		}
		// A name that is not UTF-8 is changed, as encoding/json changes it.
		if named := slices.Sorted(maps.Keys(theirs.fields)); !cmp.Equal(named, slices.Sorted(maps.Keys(ours.fields))) {
			t.Errorf("the fields %q become %q", named, slices.Sorted(maps.Keys(ours.fields)))
		}
		for name, field := range theirs.fields {
			if !bytes.Equal(field, ours.fields[name]) {
				t.Errorf("the field %s: %s becomes %s", name, field, ours.fields[name])
			}
		}
		if diff := cmp.Diff(theirs.entries, ours.entries[:len(theirs.entries)], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("entries of others (-before +after):\n%s", diff)
		}
		if again := extend(t, forth, b, a); !bytes.Equal(forth, again) {
			t.Errorf("once more, it is another index:\n%s\n%s", forth, again)
		}
		back, err := parseFallback(extend(t, raw, b, a))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(digests(ours.descriptors), digests(back.descriptors)); diff != "" {
			t.Errorf("digests of one order and the other (-want +got):\n%s", diff)
		}
		for _, r := range []referrer{a, b} {
			if n := len(digests(ours.descriptors)); n == 0 || !contains(ours.descriptors, r.desc.Digest) {
				t.Errorf("%s is not among %d entries", r.desc.Digest, n)
			}
		}
	})
}

// added is a referrer of ours.
func added(f *testing.F, content string) referrer {
	f.Helper()
	desc, err := describe("application/vnd.oci.image.manifest.v1+json", []byte(content))
	if err != nil {
		f.Fatal(err)
	}
	return referrer{a: &attest.Attachment{}, desc: desc}
}

// extend is what several runs make of an index, one after the other.
func extend(t *testing.T, raw []byte, runs ...referrer) []byte {
	t.Helper()
	for _, r := range runs {
		f, err := parseFallback(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.merge([]referrer{r}); err != nil {
			t.Fatal(err)
		}
		if raw = f.bytes(); !json.Valid(raw) {
			t.Fatalf("no JSON: %s", raw)
		}
	}
	return raw
}

func digests(list []v1.Descriptor) (out []string) {
	for _, d := range list {
		out = append(out, d.Digest.String())
	}
	slices.Sort(out)
	return out
}
