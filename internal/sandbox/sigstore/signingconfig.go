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
	Rekor     string
	Timestamp string
}

// SigningConfig is signing_config.json: it tells a client to use any one of each service, and
// there is one.
func SigningConfig(e Endpoints) ([]byte, error) {
	service := func(url string) []root.Service {
		return []root.Service{{
			URL:                 url,
			MajorAPIVersion:     1,
			ValidityPeriodStart: time.Now().Add(-time.Hour),
			Operator:            "sandbox",
		}}
	}
	anyOf := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02,
		service(e.Fulcio), service(e.Issuer), service(e.Rekor), anyOf, service(e.Timestamp), anyOf)
	if err != nil {
		return nil, fmt.Errorf("make signing config: %w", err)
	}
	encoded, err := config.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode signing config: %w", err)
	}
	return encoded, nil
}
