package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// fallback is the index that a registry without the referrers API serves under a tag.
// Entries of others are kept byte for byte.
// Specification: distribution-spec, "Referrers Tag Schema".
type fallback struct {
	fields      map[string]json.RawMessage // of the index, without "manifests"
	entries     []json.RawMessage
	descriptors []v1.Descriptor // the entries, parsed
}

const (
	mergeTries = 10
	// settle is how long a concurrent writer is given to overwrite us before we look,
	// doubled at random so that two writers do not stay in step.
	settle = 100 * time.Millisecond
)

func fallbackTag(m attest.Manifest) string {
	return strings.Replace(m.Ref.DigestStr(), ":", "-", 1)
}

// addToFallback merges entries into the index of m and looks again until they are in it:
// the protocol has no conditional write, so another writer may have won. On failure,
// written says whether verifiers may have seen the entries.
func (s *session) addToFallback(ctx context.Context, m attest.Manifest, entries []v1.Descriptor) (written bool, err error) {
	for range mergeTries {
		f, err := s.readFallback(ctx, m)
		if err != nil {
			return written, err
		}
		changed, err := f.merge(entries)
		if err != nil {
			return written, err
		}
		if !changed {
			return true, nil
		}
		if err := s.putManifest(ctx, fallbackTag(m), types.OCIImageIndex, f.bytes()); err != nil {
			return written, indexRefused(m, err)
		}
		written = true
		pause := settle + rand.N(settle) //nolint:gosec // spreads load, protects nothing
		if err := httpstack.Wait(ctx, pause); err != nil {
			return written, err
		}
	}
	return false, &problem.Problem{
		Code: problem.AttachFailed,
		What: fmt.Sprintf("The list of referrers of %s does not keep what is added to it.", m.Ref),
		Why:  fmt.Sprintf("It was written %d times, and each time another writer replaced it.", mergeTries),
		Fix:  "Give all jobs that sign this image the same `concurrency:` group, and run this job again.",
	}
}

// readFallback reads the index of m; it is empty if there is none yet.
func (s *session) readFallback(ctx context.Context, m attest.Manifest) (*fallback, error) {
	raw, header, err := s.get(ctx, "manifests", fallbackTag(m), types.OCIImageIndex)
	if terr, ok := errors.AsType[*transport.Error](err); ok && terr.StatusCode == http.StatusNotFound {
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
		if err := json.Unmarshal(entry, &f.descriptors[i]); err != nil {
			return nil, err
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

// merge appends the entries that are missing.
func (f *fallback) merge(entries []v1.Descriptor) (changed bool, err error) {
	have := map[v1.Hash]bool{}
	for _, d := range f.descriptors {
		have[d.Digest] = true
	}
	for _, d := range entries {
		if have[d.Digest] {
			continue
		}
		raw, err := json.Marshal(d)
		if err != nil {
			return false, err
		}
		f.entries, f.descriptors, changed = append(f.entries, raw), append(f.descriptors, d), true
	}
	return changed, nil
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

// indexRefused recognises a registry that does not let the tag be written again.
func indexRefused(m attest.Manifest, err error) error {
	p, ok := errors.AsType[*problem.Problem](refused(err))
	if !ok {
		return err
	}
	p.What = "The registry refuses the list of signatures of this image."
	p.Why = fmt.Sprintf("It has no referrers API, so the list is the index under the tag %s, and it did not take that.", fallbackTag(m))
	p.Fix = "If the repository has immutable tags, exempt those that start with sha256- from that. Else use a registry with the referrers API."
	return p
}

func foreignTag(m attest.Manifest, err error) error {
	return &problem.Problem{
		Code: problem.ReferrersRefused,
		What: fmt.Sprintf("%s has no place for signatures.", m.Ref.Context().RegistryStr()),
		Why:  fmt.Sprintf("It does not serve the referrers API, and its tag %s is something else than a list of referrers.", fallbackTag(m)),
		Fix:  "Delete that tag if you do not need it, or push to a registry with the referrers API.",
		Err:  err,
	}
}
