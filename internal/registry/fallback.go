package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// fallback is the index that a registry without the referrers API serves under a tag.
// Entries of others are kept byte for byte.
// Specification: distribution-spec, "Referrers Tag Schema".
type fallback struct {
	fields      map[string]json.RawMessage // of the index, without "manifests"
	entries     []json.RawMessage
	descriptors []v1.Descriptor // the entries, parsed
}

// fallbackName is the tag of the index.
func fallbackName(m attest.Manifest) string {
	return strings.Replace(m.Ref.DigestStr(), ":", "-", 1)
}

// fallbackTag is the index of the group's image, to which its referrers are to be added.
func (s *session) fallbackTag(g *group) *shared {
	return &shared{
		about: g.about, tag: fallbackName(g.about), made: g.referrers,
		refused: func(err error) error { return indexRefused(g.about, err) },
		merge: func(ctx context.Context) (*tagged, error) {
			f, err := s.readFallback(ctx, g.about)
			if err != nil {
				return nil, err
			}
			added, err := f.merge(g.manifests)
			if err != nil || len(added) == 0 {
				return nil, err
			}
			return &tagged{mediaType: types.OCIImageIndex, raw: f.bytes(), added: added}, nil
		},
	}
}

// readFallback reads the index of m; it is empty if there is none yet.
func (s *session) readFallback(ctx context.Context, m attest.Manifest) (*fallback, error) {
	raw, header, err := s.getManifest(ctx, fallbackName(m), types.OCIImageIndex)
	if s.absentTag(ctx, fallbackName(m), err) {
		return newFallback(), nil
	}
	if err != nil {
		return nil, err
	}
	f, err := parseFallback(raw)
	if err != nil || mediaType(header) != types.OCIImageIndex || f.isImageIndex() || sameDigest(raw, m) {
		return nil, foreignTag(m, err)
	}
	return f, nil
}

// absentTag recognises the answer for a tag that does not exist: 404, or 403 by JFrog, and
// 401 for those whose rights end at what is there. What is there and may not be read must not
// be overwritten, nor taken for nothing, so these count only where the list of tags agrees.
func (s *session) absentTag(ctx context.Context, tag string, err error) bool {
	terr, ok := errors.AsType[*transport.Error](err)
	switch {
	case !ok:
		return false
	case terr.StatusCode != http.StatusForbidden && terr.StatusCode != http.StatusUnauthorized:
		return terr.StatusCode == http.StatusNotFound
	}
	tags, err := remote.List(s.repo, s.remote(ctx)...)
	return err == nil && !slices.Contains(tags, tag)
}

func newFallback() *fallback {
	return &fallback{fields: map[string]json.RawMessage{
		"schemaVersion": json.RawMessage("2"),
		"mediaType":     json.RawMessage(`"` + string(types.OCIImageIndex) + `"`),
	}}
}

func parseFallback(raw []byte) (*fallback, error) {
	f := newFallback()
	if err := json.Unmarshal(raw, &f.fields); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(f.fields["manifests"], &f.entries); err != nil {
		return nil, err
	}
	delete(f.fields, "manifests")
	f.descriptors = make([]v1.Descriptor, len(f.entries))
	for i, entry := range f.entries {
		if json.Unmarshal(entry, &f.descriptors[i]) != nil {
			f.descriptors[i] = v1.Descriptor{} // with a digest of another kind: kept, and not ours to read
		}
	}
	return f, nil
}

// isImageIndex recognises the index of an image, which must never be changed: its entries
// have platforms, those of referrers do not.
func (f *fallback) isImageIndex() bool {
	for _, d := range f.descriptors {
		if d.Platform != nil {
			return true
		}
	}
	return false
}

// sameDigest reports whether raw is the image itself, which is what GitLab's registry
// serves under the tag: https://github.com/oras-project/oras-go/issues/1396
func sameDigest(raw []byte, m attest.Manifest) bool {
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return err == nil && digest == m.Digest()
}

// merge appends the entries that are missing, and returns whose they are.
func (f *fallback) merge(made []referrer) (added []*attest.Attachment, err error) {
	for _, r := range made {
		if contains(f.descriptors, r.desc.Digest) {
			continue
		}
		raw, err := json.Marshal(r.desc)
		if err != nil {
			return nil, err
		}
		f.entries, f.descriptors, added = append(f.entries, raw), append(f.descriptors, r.desc), append(added, r.a)
	}
	return added, nil
}

// bytes encodes the index by hand: encoding/json would compact the entries of others.
func (f *fallback) bytes() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		key, _ := json.Marshal(name) // of a string, which cannot fail
		fmt.Fprintf(&b, "%s:%s,", key, f.fields[name])
	}
	b.WriteString(`"manifests":[`)
	for i, entry := range f.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(entry)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// indexRefused recognises a registry that does not let the tag be written.
func indexRefused(m attest.Manifest, err error) error {
	status, ok := refusal(err)
	if !ok {
		return err
	}
	return &problem.Problem{
		Code: problem.ReferrersRefused,
		What: "The registry refuses the list of signatures of this image.",
		Why:  fmt.Sprintf("It has no referrers API, so the list is the index under the tag %s, and it answered %d to that.", fallbackName(m), status),
		Fix:  "If the repository has immutable tags, exempt those that start with sha256- from that. Else use a registry with the referrers API.",
		Err:  err,
	}
}

func foreignTag(m attest.Manifest, err error) error {
	return &problem.Problem{
		Code: problem.ReferrersRefused,
		What: fmt.Sprintf("%s has no place for bundles.", m.Ref.Context().RegistryStr()),
		Why:  fmt.Sprintf("It does not serve the referrers API, and its tag %s is something else than a list of referrers, as in GitLab's registry.", fallbackName(m)),
		Fix:  "Store signatures under other tags, as cosign 2 does:\n  signature-format: legacy",
		Err:  err,
	}
}
