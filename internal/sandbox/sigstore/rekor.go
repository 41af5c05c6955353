package sigstore

import (
	"crypto"
	"fmt"
	"net"
	"net/http"

	"github.com/go-openapi/loads"
	"github.com/sigstore/rekor/pkg/api"
	"github.com/sigstore/rekor/pkg/generated/restapi"
	"github.com/sigstore/rekor/pkg/generated/restapi/operations"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/rekor/pkg/types/dsse"
	"github.com/sigstore/rekor/pkg/types/hashedrekord"
	"github.com/sigstore/rekor/pkg/types/intoto"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/spf13/viper"

	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"         // registers the version
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1" // registers the version
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1"       // registers the version
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.2"       // registers the version

	"seal-image/internal/sandbox/loopback"
)

// startRekor starts Rekor v1 on a tree of its own and returns it with the log's key.
//
// It has no search index, which would need a database.
func startRekor(servers *loopback.Group, trillian string) (http.Handler, crypto.PublicKey, error) {
	host, port, err := net.SplitHostPort(trillian)
	if err != nil {
		return nil, nil, fmt.Errorf("split Trillian's address: %w", err)
	}
	viper.Set("trillian_log_server.address", host)
	viper.Set("trillian_log_server.port", port)
	viper.Set("rekor_server.hostname", rekorHost)
	viper.Set("rekor_server.signer", "memory")
	viper.Set("enabled_api_endpoints", []string{
		"getLogInfo", "getPublicKey", "getLogProof", "createLogEntry",
		"getLogEntryByIndex", "getLogEntryByUUID", "searchLogQuery",
	})
	types.SetAllowedKindsForSubmission([]string{hashedrekord.KIND, dsse.KIND, intoto.KIND})
	spec, err := loads.Embedded(restapi.SwaggerJSON, restapi.FlatSwaggerJSON)
	if err != nil {
		return nil, nil, fmt.Errorf("load Rekor's API: %w", err)
	}
	rekor := restapi.NewServer(operations.NewRekorServerAPI(spec))
	const newTree = 0
	if err := configure(func() { api.ConfigureAPI(newTree); rekor.ConfigureAPI() }); err != nil {
		return nil, nil, fmt.Errorf("start Rekor: %w", err)
	}
	servers.OnClose(func() error {
		api.StopAPI()
		return nil
	})
	encoded, err := read(rekor.GetHandler(), "/api/v1/log/publicKey")
	if err != nil {
		return nil, nil, fmt.Errorf("ask Rekor for its key: %w", err)
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(encoded)
	if err != nil {
		return nil, nil, fmt.Errorf("decode Rekor's key: %w", err)
	}
	return rekor.GetHandler(), key, nil
}
