package verifier

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// How a bundle is stored in a registry,
// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md and the OCI image specification 1.1.
const (
	bundleType  = "application/vnd.dev.sigstore.bundle.v0.3+json"
	emptyType   = "application/vnd.oci.empty.v1+json"
	emptyDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	emptySize   = 2
)

// maxBundle bounds what is read of one bundle; SBOMs of large images have some ten megabytes.
const maxBundle = 256 << 20

// referrer is a well-formed referrer that carries a bundle.
type referrer struct {
	digest v1.Hash
	bundle []byte
}

// fetchReferrers returns the bundles that refer to ref, by the referrers API or the fallback tag, in their order.
func fetchReferrers(ref name.Digest, options []remote.Option) ([]referrer, error) {
	image, err := remote.Get(ref, options...)
	if err != nil {
		return nil, fmt.Errorf("fetch manifest of %s: %w", ref, err)
	}
	index, err := remote.Referrers(ref, options...)
	if err != nil {
		return nil, fmt.Errorf("list referrers of %s: %w", ref, err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read referrers of %s: %w", ref, err)
	}
	var referrers []referrer
	for _, desc := range list.Manifests {
		if desc.ArtifactType != bundleType {
			continue
		}
		r, err := fetchReferrer(ref.Context(), desc, image.Descriptor, options)
		if err != nil {
			return nil, fmt.Errorf("referrer %s of %s: %w", desc.Digest, ref, err)
		}
		referrers = append(referrers, r)
	}
	return referrers, nil
}

func fetchReferrer(repo name.Repository, desc, image v1.Descriptor, options []remote.Option) (referrer, error) {
	got, err := remote.Get(repo.Digest(desc.Digest.String()), options...)
	if err != nil {
		return referrer{}, fmt.Errorf("fetch manifest: %w", err)
	}
	if got.Size != desc.Size || got.MediaType != desc.MediaType {
		return referrer{}, fmt.Errorf("listed as %s of %d bytes, is %s of %d bytes",
			desc.MediaType, desc.Size, got.MediaType, got.Size)
	}
	wrapped, err := got.Image()
	if err != nil {
		return referrer{}, fmt.Errorf("read manifest: %w", err)
	}
	manifest, err := wrapped.Manifest()
	if err != nil {
		return referrer{}, fmt.Errorf("parse manifest: %w", err)
	}
	if err := checkManifest(manifest, image); err != nil {
		return referrer{}, err
	}
	bundle, err := fetchBlob(repo.Digest(manifest.Layers[0].Digest.String()), manifest.Layers[0].Size, options)
	if err != nil {
		return referrer{}, fmt.Errorf("fetch bundle: %w", err)
	}
	return referrer{digest: desc.Digest, bundle: bundle}, nil
}

// checkManifest reports everything that is wrong with m as the manifest of a bundle on image.
func checkManifest(m *v1.Manifest, image v1.Descriptor) error {
	var wrong []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	must(m.SchemaVersion == 2, "schemaVersion is %d, want 2", m.SchemaVersion)
	must(m.MediaType == types.OCIManifestSchema1, "mediaType is %q, want %s", m.MediaType, types.OCIManifestSchema1)
	must(m.ArtifactType == bundleType, "artifactType is %q, want %s", m.ArtifactType, bundleType)
	must(sameContent(m.Config, emptyType, emptyDigest, emptySize),
		"config is %s %s of %d bytes, want the empty one, %s", m.Config.MediaType, m.Config.Digest, m.Config.Size, emptyType)
	must(len(m.Layers) == 1, "%d layers, want one", len(m.Layers))
	for _, layer := range m.Layers {
		must(layer.MediaType == bundleType, "layer is %s, want %s", layer.MediaType, bundleType)
	}
	if m.Subject == nil {
		return errors.Join(append(wrong, errors.New("no subject"))...)
	}
	must(sameContent(*m.Subject, image.MediaType, image.Digest.String(), image.Size),
		"subject is %s %s of %d bytes, the image is %s %s of %d bytes",
		m.Subject.MediaType, m.Subject.Digest, m.Subject.Size, image.MediaType, image.Digest, image.Size)
	return errors.Join(wrong...)
}

func sameContent(d v1.Descriptor, mediaType types.MediaType, digest string, size int64) bool {
	return d.MediaType == mediaType && d.Digest.String() == digest && d.Size == size
}

// fetchBlob reads a blob of the given size; go-containerregistry compares its digest.
func fetchBlob(ref name.Digest, size int64, options []remote.Option) ([]byte, error) {
	if size > maxBundle {
		return nil, fmt.Errorf("%d bytes, read are at most %d", size, maxBundle)
	}
	layer, err := remote.Layer(ref, options...)
	if err != nil {
		return nil, err
	}
	blob, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	data, err := io.ReadAll(io.LimitReader(blob, maxBundle+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != size {
		return nil, fmt.Errorf("%d bytes, the manifest says %d", len(data), size)
	}
	return data, nil
}
