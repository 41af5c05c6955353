package images

import (
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// newImage makes the image with a layer for each part.
func newImage(f format, on v1.Platform, parts ...part) (Image, error) {
	layers, err := newLayers(f, parts)
	if err != nil {
		return Image{}, err
	}
	return layeredImage(f, on, parts, layers)
}

// newImages makes one image for each platform, all of the same parts.
func newImages(f format, platforms []v1.Platform, parts ...part) ([]Image, error) {
	layers, err := newLayers(f, parts)
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, on := range platforms {
		image, err := layeredImage(f, on, parts, layers)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// newLayers makes the layer of each part.
func newLayers(f format, parts []part) ([]v1.Layer, error) {
	var layers []v1.Layer
	for _, p := range parts {
		layer, err := p.layer(f)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// layeredImage makes the image of parts whose layers are made.
func layeredImage(f format, on v1.Platform, parts []part, layers []v1.Layer) (Image, error) {
	config := emptyConfig(on)
	packages := []string{} // an image without packages says [], not null
	for i, p := range parts {
		diffID, err := layers[i].DiffID()
		if err != nil {
			return Image{}, fmt.Errorf("hash archive %q: %w", p.step, err)
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		config.History = append(config.History, v1.History{Created: config.Created, CreatedBy: p.step})
		packages = append(packages, p.packages...)
	}
	slices.Sort(packages)
	rawConfig, err := json.Marshal(config)
	if err != nil {
		return Image{}, fmt.Errorf("encode config: %w", err)
	}
	manifest := v1.Manifest{MediaType: f.manifest, Config: v1.Descriptor{MediaType: f.config}, Layers: []v1.Descriptor{}}
	image, err := assemble(manifest, rawConfig, layers...)
	if err != nil {
		return Image{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return Image{}, fmt.Errorf("hash manifest: %w", err)
	}
	return Image{Platform: platformName(on), Digest: digest, Packages: packages, image: image, on: on}, nil
}

// emptyConfig is the config of an image without layers.
func emptyConfig(on v1.Platform) v1.ConfigFile {
	return v1.ConfigFile{
		Architecture: on.Architecture,
		OS:           on.OS,
		OSVersion:    on.OSVersion,
		Variant:      on.Variant,
		Created:      v1.Time{Time: created},
		Config:       v1.Config{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, WorkingDir: "/"},
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
}

// platformName leaves out the version of the operating system, which [v1.Platform.String] appends.
func platformName(p v1.Platform) string {
	p.OSVersion = ""
	return p.String()
}
