package images

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The media types of a Helm chart in a registry, https://helm.sh/docs/topics/registries/
const (
	helmConfig types.MediaType = "application/vnd.cncf.helm.config.v1+json"
	helmChart  types.MediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

const (
	chartYAML = `apiVersion: v2
name: hello
description: Says hello
type: application
version: 0.1.0
appVersion: 1.0.0
`
	chartJSON = `{"name":"hello","version":"0.1.0","description":"Says hello",` +
		`"apiVersion":"v2","appVersion":"1.0.0","type":"application"}`
	chartTemplate = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hello
data:
  greeting: {{ .Values.greeting | quote }}
`
)

func (b *Builder) helm(context.Context) (*Artifact, error) {
	archive, err := archiveOf([]file{
		{path: "hello/Chart.yaml", mode: 0o644, data: []byte(chartYAML)},
		{path: "hello/values.yaml", mode: 0o644, data: []byte("greeting: hello\n")},
		{path: "hello/templates/configmap.yaml", mode: 0o644, data: []byte(chartTemplate)},
	})
	if err != nil {
		return nil, fmt.Errorf("archive chart: %w", err)
	}
	var chart bytes.Buffer
	w := gzip.NewWriter(&chart)
	if _, err := w.Write(archive); err != nil {
		return nil, fmt.Errorf("compress chart: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress chart: %w", err)
	}
	image, err := assemble(v1.Manifest{
		MediaType: types.OCIManifestSchema1,
		Config:    v1.Descriptor{MediaType: helmConfig},
		Annotations: map[string]string{
			"org.opencontainers.image.created":     created.Format(time.RFC3339),
			"org.opencontainers.image.description": "Says hello",
			"org.opencontainers.image.title":       "hello",
			"org.opencontainers.image.version":     "0.1.0",
		},
	}, []byte(chartJSON), static.NewLayer(chart.Bytes(), helmChart))
	if err != nil {
		return nil, err
	}
	return imageArtifact(image)
}
