package registry

import (
	"context"
	"io"
	"net/http"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // which the configuration names
	"github.com/sirupsen/logrus"
)

// NewDistribution makes an empty registry of the distribution project, in memory. It is what the
// image docker.io/library/registry serves, and has no referrers API.
//
// It silences logrus in this process: distribution takes no other logger.
func NewDistribution(ctx context.Context) http.Handler {
	logrus.SetOutput(io.Discard)
	return handlers.NewApp(ctx, &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}}, // works for ever
		},
	})
}
