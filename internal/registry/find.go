package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"seal-image/internal/attest"
)

// maxFound bounds what is looked at per image and form; the newest come last in a list.
const maxFound = 50

// Find implements [attest.Finder].
func (c *Client) Find(ctx context.Context, m attest.Manifest, forms []attest.Form) ([]attest.Stored, error) {
	s, err := c.finder(ctx, m.Ref.Context())
	if err != nil {
		return nil, err
	}
	var out []attest.Stored
	for _, form := range forms {
		found, err := s.find(ctx, m, form)
		if err != nil {
			return nil, c.explainFind(err, m)
		}
		out = append(out, found...)
	}
	return out, nil
}

func (s *session) find(ctx context.Context, m attest.Manifest, form attest.Form) ([]attest.Stored, error) {
	if form == attest.FormBundle {
		return s.findBundles(ctx, m)
	}
	return s.findLayers(ctx, m, form, newest)
}

// findBundles reads the bundles among the referrers. Some registries do not tell the
// artifact type or the annotations of what they list.
func (s *session) findBundles(ctx context.Context, m attest.Manifest) ([]attest.Stored, error) {
	list, err := s.list(ctx, m)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(d v1.Descriptor) bool {
		return d.ArtifactType != "" && d.ArtifactType != attest.BundleMediaType && d.ArtifactType != string(emptyConfigType)
	})
	var out []attest.Stored
	total := 0
	for _, d := range newest(list) {
		if total > maxBytes {
			break // somebody stores what is no signature
		}
		content, err := s.onlyLayer(ctx, manifest(s.repo, d))
		if notFound(err) || errors.Is(err, errNoBundle) {
			continue
		}
		if err != nil {
			return nil, err
		}
		total += len(content)
		out = append(out, attest.Stored{Form: attest.FormBundle, Manifest: manifest(s.repo, d), Content: content})
	}
	return out, nil
}

func newest(list []v1.Descriptor) []v1.Descriptor { return list[max(0, len(list)-maxFound):] }

func notFound(err error) bool {
	terr, ok := errors.AsType[*transport.Error](err)
	return ok && terr.StatusCode == http.StatusNotFound
}

// errNoBundle says that a referrer is something else, of whatever kind.
var errNoBundle = errors.New("the manifest does not have exactly one layer that we could have stored")

// maxLayer bounds one layer: an SBOM in an envelope in a bundle.
const maxLayer = 64 << 20

// onlyLayer reads the one layer of a stored referrer. Registries send those who ask for a
// blob to another host, which is the library's to follow.
func (s *session) onlyLayer(ctx context.Context, m attest.Manifest) ([]byte, error) {
	raw, _, err := s.getManifest(ctx, m.Ref.DigestStr(), types.OCIManifestSchema1)
	if err != nil {
		return nil, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("read %s: %w", m.Ref, errNoBundle) // with a digest of another kind, say
	}
	if len(manifest.Layers) != 1 || manifest.Layers[0].Size > maxLayer {
		return nil, fmt.Errorf("read %s: %w", m.Ref, errNoBundle)
	}
	layer, err := remote.Layer(s.repo.Digest(manifest.Layers[0].Digest.String()), s.remote(ctx)...)
	if err != nil {
		return nil, err
	}
	return content(layer)
}

// findLayers reads the layers under one of cosign's tags that choose returns. Those of a
// `.sig` mostly have the same content, which is read once.
func (s *session) findLayers(ctx context.Context, m attest.Manifest, form attest.Form, choose func([]v1.Descriptor) []v1.Descriptor) ([]attest.Stored, error) {
	img, err := s.taggedImage(ctx, cosignTag(m, form))
	if err != nil {
		return nil, err
	}
	have, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	at, err := s.manifestOf(img)
	if err != nil {
		return nil, err
	}
	contents, total := map[v1.Hash][]byte{}, 0
	var out []attest.Stored
	for _, d := range choose(have.Layers) {
		if _, known := contents[d.Digest]; !known && d.Size <= maxLayer && total <= maxBytes {
			content, err := read(img, d.Digest)
			if err != nil && !notFound(err) && !errors.Is(err, errNoBundle) {
				return nil, err
			}
			contents[d.Digest], total = content, total+len(content)
		}
		if contents[d.Digest] == nil {
			continue // not served everywhere yet, or no longer, or too much
		}
		out = append(out, attest.Stored{Form: form, Manifest: at, Layer: attest.Layer{
			Content:     contents[d.Digest],
			Signature:   d.Annotations[static.SignatureAnnotationKey],
			Certificate: []byte(d.Annotations[static.CertificateAnnotationKey]),
			Chain:       []byte(d.Annotations[static.ChainAnnotationKey]),
			LogEntry:    []byte(d.Annotations[static.BundleAnnotationKey]),
		}})
	}
	return out, nil
}

func read(img v1.Image, digest v1.Hash) ([]byte, error) {
	layer, err := img.LayerByDigest(digest)
	if err != nil {
		return nil, err
	}
	return content(layer)
}

// content reads a layer, which is checked against its digest on the way.
func content(layer v1.Layer) ([]byte, error) {
	stream, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	blob, err := io.ReadAll(io.LimitReader(stream, maxLayer+1))
	if err == nil && len(blob) > maxLayer {
		err = errNoBundle
	}
	return blob, err
}
