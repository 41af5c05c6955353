package sigstore

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// The names of the servers in the trusted root, which is the same for every job. They are
// identities: no client connects to them.
const (
	rekorHost    = "rekor.sandbox.test"
	rekorURL     = "https://" + rekorHost
	rekor2Host   = "rekor2.sandbox.test" // also the origin of its checkpoints: clients take the host of its URL for that
	rekor2URL    = "https://" + rekor2Host
	fulcioURL    = "https://fulcio.sandbox.test"
	ctLogURL     = "https://ctlog.sandbox.test/" + ctPrefix
	timestampURL = "https://timestamp.sandbox.test" + TimestampPath
)

// Trust is the keys and certificates of the servers.
type Trust struct {
	authority *x509.Certificate
	ctLog     crypto.PublicKey
	rekor     crypto.PublicKey
	rekor2    crypto.PublicKey
	timestamp []*x509.Certificate // leaf first
	since     time.Time
}

// A File is one piece of trust the way cosign 2 fetches it from a TUF repository.
type File struct {
	Name    string
	Content []byte
	Usage   string // in TUF's custom metadata
	URI     string
}

// Root is trusted_root.json.
func (t *Trust) Root() ([]byte, error) {
	ctLog, err := t.log(ctLogURL, t.ctLog)
	if err != nil {
		return nil, err
	}
	rekor, err := t.rekorLogs()
	if err != nil {
		return nil, err
	}
	last := len(t.timestamp) - 1
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{
			Root:                t.authority,
			ValidityPeriodStart: t.authority.NotBefore,
			URI:                 fulcioURL,
		}},
		ctLog,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{
			Root:                t.timestamp[last],
			Intermediates:       t.timestamp[1:last],
			Leaf:                t.timestamp[0],
			ValidityPeriodStart: t.timestamp[last].NotBefore,
			URI:                 timestampURL,
		}},
		rekor)
	if err != nil {
		return nil, fmt.Errorf("make trusted root: %w", err)
	}
	encoded, err := trusted.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode trusted root: %w", err)
	}
	return encoded, nil
}

// rekorLogs are both versions of Rekor. The ID of the second is made of its origin, too.
func (t *Trust) rekorLogs() (map[string]*root.TransparencyLog, error) {
	logs, err := t.log(rekorURL, t.rekor)
	if err != nil {
		return nil, err
	}
	_, id, err := note.KeyHash(rekor2Host, t.rekor2)
	if err != nil {
		return nil, fmt.Errorf("make log ID of %s: %w", rekor2URL, err)
	}
	logs[hex.EncodeToString(id)] = t.logOf(rekor2URL, id, t.rekor2)
	return logs, nil
}

// log is a set of one log. Its ID is the digest of its key, as RFC 6962 has it.
func (t *Trust) log(url string, key crypto.PublicKey) (map[string]*root.TransparencyLog, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key of %s: %w", url, err)
	}
	id := sha256.Sum256(der)
	return map[string]*root.TransparencyLog{hex.EncodeToString(id[:]): t.logOf(url, id[:], key)}, nil
}

func (t *Trust) logOf(url string, id []byte, key crypto.PublicKey) *root.TransparencyLog {
	return &root.TransparencyLog{
		BaseURL:             url,
		ID:                  id,
		ValidityPeriodStart: t.since,
		HashFunc:            crypto.SHA256,
		PublicKey:           key,
		SignatureHashFunc:   crypto.SHA256,
	}
}

// Files are what cosign 2 trusts without a trusted root.
func (t *Trust) Files() ([]File, error) {
	authority, err := cryptoutils.MarshalCertificateToPEM(t.authority)
	if err != nil {
		return nil, fmt.Errorf("encode Fulcio's CA: %w", err)
	}
	ctLog, err := cryptoutils.MarshalPublicKeyToPEM(t.ctLog)
	if err != nil {
		return nil, fmt.Errorf("encode CT log key: %w", err)
	}
	rekor, err := cryptoutils.MarshalPublicKeyToPEM(t.rekor)
	if err != nil {
		return nil, fmt.Errorf("encode Rekor's key: %w", err)
	}
	timestamp, err := cryptoutils.MarshalCertificatesToPEM(t.timestamp)
	if err != nil {
		return nil, fmt.Errorf("encode chain of the timestamp authority: %w", err)
	}
	return []File{
		{"fulcio.crt.pem", authority, "Fulcio", fulcioURL},
		{"ctfe.pub", ctLog, "CTFE", ctLogURL},
		{"rekor.pub", rekor, "Rekor", rekorURL},
		{"tsa.certchain.pem", timestamp, "TSA", timestampURL},
	}, nil
}
