// Package tuf serves a TUF repository that holds Sigstore's trust material, signed once with a
// key that is then forgotten.
package tuf

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

const lifetime = 24 * time.Hour

// A Target is a file that clients fetch.
type Target struct {
	Name    string
	Content []byte
	Usage   string // what cosign 2 uses the file for; empty if nothing
	URI     string // with Usage
}

// A Repository is complete: it has one version of everything.
type Repository struct {
	files map[string][]byte // by path
}

// New signs a repository of the targets.
func New(targets []Target) (*Repository, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate TUF key: %w", err)
	}
	key, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode TUF key: %w", err)
	}
	signer, err := signature.LoadSigner(private, crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("make TUF signer: %w", err)
	}
	r := &Repository{files: map[string][]byte{}}
	return r, r.fill(targets, key, signer)
}

// Root is 1.root.json, where a client's trust starts.
func (r *Repository) Root() []byte { return r.files["1.root.json"] }

func (r *Repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	content, ok := r.files[strings.TrimPrefix(req.URL.Path, "/")]
	if !ok {
		http.NotFound(w, req) // how a client learns that there is no newer root
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content) // the client may have gone
}

func (r *Repository) fill(targets []Target, key *metadata.Key, signer signature.Signer) error {
	expires := time.Now().Add(lifetime).UTC().Truncate(time.Second)
	root := metadata.Root(expires)
	for _, role := range []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := root.Signed.AddKey(key, role); err != nil {
			return fmt.Errorf("add TUF key to role %s: %w", role, err)
		}
	}
	listing := metadata.Targets(expires)
	for _, target := range targets {
		file, err := r.add(target)
		if err != nil {
			return fmt.Errorf("add TUF target %s: %w", target.Name, err)
		}
		listing.Signed.Targets[target.Name] = file
	}
	if err := put(r, "1.root.json", root, signer); err != nil {
		return err
	}
	if err := put(r, "1.targets.json", listing, signer); err != nil {
		return err
	}
	if err := put(r, "1.snapshot.json", metadata.Snapshot(expires), signer); err != nil {
		return err
	}
	return put(r, "timestamp.json", metadata.Timestamp(expires), signer)
}

// add stores a target under its digests, as consistent snapshots ask, and describes it.
func (r *Repository) add(target Target) (*metadata.TargetFiles, error) {
	file, err := metadata.TargetFile().FromBytes(target.Name, target.Content, "sha256", "sha512")
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	if target.Usage != "" {
		custom, err := json.Marshal(map[string]any{"sigstore": map[string]string{
			"status": "Active", "usage": target.Usage, "uri": target.URI,
		}})
		if err != nil {
			return nil, fmt.Errorf("encode custom metadata: %w", err)
		}
		file.Custom = (*json.RawMessage)(&custom)
	}
	for _, digest := range file.Hashes {
		r.files["targets/"+hex.EncodeToString(digest)+"."+target.Name] = target.Content
	}
	return file, nil
}

func put[T metadata.Roles](r *Repository, name string, role *metadata.Metadata[T], signer signature.Signer) error {
	if _, err := role.Sign(signer); err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	content, err := role.ToBytes(true)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	r.files[name] = content
	return nil
}
