package stack

import (
	"fmt"
	"net/http"

	"seal-image/internal/sandbox/front"
	"seal-image/internal/sandbox/lies"
	"seal-image/internal/sandbox/sigstore"
)

// makeLies makes the servers that lie, one for every lie.
func (s *Stack) makeLies(servers *sigstore.Sigstore) (map[front.Service]map[string]http.Handler, error) {
	fulcio, err := lies.Fulcio(servers.Fulcio, servers.Impostors, s.issuer.Token)
	if err != nil {
		return nil, fmt.Errorf("make lies of Fulcio: %w", err)
	}
	rekor, err := lies.Rekor(servers.Rekor)
	if err != nil {
		return nil, fmt.Errorf("make lies of Rekor: %w", err)
	}
	rekor2, err := lies.Rekor2(servers.Rekor2)
	if err != nil {
		return nil, fmt.Errorf("make lies of Rekor v2: %w", err)
	}
	timestamp, err := lies.Timestamp(servers.Timestamp, servers.Authority)
	if err != nil {
		return nil, fmt.Errorf("make lies of the timestamp authority: %w", err)
	}
	return map[front.Service]map[string]http.Handler{
		front.Fulcio: fulcio,
		front.Rekor:  rekor,
		front.Rekor2: rekor2,
		front.TSA:    timestamp,
	}, nil
}
