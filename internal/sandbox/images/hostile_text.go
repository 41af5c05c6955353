package images

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// platformNames is an index of two platforms that have commands for names, and in the labels, the
// author and the history of their configs.
func (b *Builder) platformNames(context.Context) (*Artifact, error) {
	alpine, err := b.fixture("alpine")
	if err != nil {
		return nil, err
	}
	images, err := newImages(oci(), []v1.Platform{
		{OS: "::error::pwned", Architecture: "##[add-mask]pwned", Variant: "../../pwned"},
		{OS: "linux", Architecture: "amd64\r\n::add-mask::pwned\x1b[31m\u2028</details><script>alert(1)</script>|```", OSVersion: "##[x]", OSFeatures: []string{"::x::"}},
	}, alpine)
	if err != nil {
		return nil, err
	}
	for i := range images {
		if images[i].image, err = labelled(images[i].image); err != nil {
			return nil, err
		}
		if images[i].Digest, err = images[i].image.Digest(); err != nil {
			return nil, fmt.Errorf("hash manifest: %w", err)
		}
	}
	return plainIndex(oci(), images...)
}

// labelled is the image with commands in its config.
func labelled(img v1.Image) (v1.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Config.Labels = map[string]string{}
	for _, c := range commands() {
		config.Config.Labels[c] = c
		config.Config.Env = append(config.Config.Env, "X="+c)
		config.Author += c
	}
	for _, title := range []string{"title", "description", "licenses", "vendor", "source", "version", "base.name"} {
		config.Config.Labels["org.opencontainers.image."+title] = "\n::add-mask::pwned##[error]</details><script>|```\x1b[31m"
	}
	for i := range config.History {
		config.History[i].CreatedBy = "\n::add-mask::pwned##[error]\x1b[31m"
	}
	return mutate.ConfigFile(img, config)
}
