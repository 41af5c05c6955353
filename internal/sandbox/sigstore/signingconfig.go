package sigstore

import (
	"fmt"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// Endpoints are the URLs by which a client reaches the services.
type Endpoints struct {
	Fulcio    string
	Issuer    string
	Rekor     []Rekor
	Timestamp string
}

// Rekor is a log with the version of the API by which it takes entries.
type Rekor struct {
	URL     string
	Version uint32
}

// SigningConfig is signing_config.json: it tells a client to use any one of each service, and
// there is one, but for the logs.
func SigningConfig(e Endpoints) ([]byte, error) {
	one := func(url string) []root.Service { return []root.Service{service(url, 1)} }
	logs := make([]root.Service, 0, len(e.Rekor))
	for _, log := range e.Rekor {
		logs = append(logs, service(log.URL, log.Version))
	}
	anyOf := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02,
		one(e.Fulcio), one(e.Issuer), logs, anyOf, one(e.Timestamp), anyOf)
	if err != nil {
		return nil, fmt.Errorf("make signing config: %w", err)
	}
	encoded, err := config.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode signing config: %w", err)
	}
	return encoded, nil
}

func service(url string, version uint32) root.Service {
	return root.Service{
		URL:                 url,
		MajorAPIVersion:     version,
		ValidityPeriodStart: time.Now().Add(-time.Hour),
		Operator:            "sandbox",
	}
}
