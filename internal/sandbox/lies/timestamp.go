package lies

import (
	"crypto"
	"fmt"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"

	"seal-image/internal/sandbox/sigstore"
)

const timestampReply = "application/timestamp-reply"

// Timestamp returns the lies of the timestamp authority. They are about DER requests.
func Timestamp(truth http.Handler, authority *sigstore.TimestampAuthority) (Lies, error) {
	another, err := sigstore.NewTimestampAuthority()
	if err != nil {
		return nil, err
	}
	return Lies{
		"another-digest":    askedAnew(truth, anotherDigest),
		"another-authority": signed(another, time.Now),
		// Before anything that the sandbox certifies.
		"stale":   signed(authority, func() time.Time { return authority.Chain[0].NotBefore.Add(time.Second) }),
		"garbage": always(http.StatusOK, timestampReply, "Service is busy"),
	}, nil
}

func anotherDigest(_ *http.Request, query []byte) ([]byte, error) {
	request, err := timestamp.ParseRequest(query)
	if err != nil {
		return nil, fmt.Errorf("parse request: %w", err)
	}
	request.HashedMessage = flipped(request.HashedMessage)
	return request.Marshal()
}

// signed answers in place of the server, as an authority at another time.
func signed(authority *sigstore.TimestampAuthority, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := readBody(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		request, err := timestamp.ParseRequest(query)
		if err != nil {
			fail(w, fmt.Errorf("parse request: %w", err))
			return
		}
		answer, err := (&timestamp.Timestamp{
			HashAlgorithm:     request.HashAlgorithm,
			HashedMessage:     request.HashedMessage,
			Time:              now().UTC(),
			Nonce:             request.Nonce,
			Policy:            sigstore.TimestampPolicy(),
			Accuracy:          time.Second,
			AddTSACertificate: request.Certificates,
		}).CreateResponseWithOpts(authority.Chain[0], authority.Key, crypto.SHA256)
		if err != nil {
			fail(w, fmt.Errorf("sign timestamp: %w", err))
			return
		}
		w.Header().Set("Content-Type", timestampReply)
		_, _ = w.Write(answer) // the client may have gone
	})
}
