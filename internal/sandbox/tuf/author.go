package tuf

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

const (
	lifetime      = 24 * time.Hour
	timestampName = "timestamp.json" // the one name without a version
)

func rootName(version int64) string     { return fmt.Sprintf("%d.root.json", version) }
func targetsName(version int64) string  { return fmt.Sprintf("%d.targets.json", version) }
func snapshotName(version int64) string { return fmt.Sprintf("%d.snapshot.json", version) }

// An author signs every role with the same key.
type author struct {
	key     *metadata.Key
	signer  signature.Signer
	expires time.Time
}

func newAuthor() (*author, error) {
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
	return &author{key: key, signer: signer, expires: time.Now().Add(lifetime).UTC().Truncate(time.Second)}, nil
}

// release makes the files of a repository, by path.
func (a *author) release(targets []Target) (map[string][]byte, error) {
	files, listing := map[string][]byte{}, metadata.Targets(a.expires)
	for _, target := range targets {
		file, err := describe(target)
		if err != nil {
			return nil, fmt.Errorf("add TUF target %s: %w", target.Name, err)
		}
		listing.Signed.Targets[target.Name] = file
		for _, path := range paths(target.Name, file) {
			files[path] = target.Content
		}
	}
	var err error
	if files[targetsName(1)], err = sign(a, listing); err != nil {
		return nil, err
	}
	if files[rootName(1)], err = a.root(1, a.expires); err != nil {
		return nil, err
	}
	if files[snapshotName(1)], err = a.snapshot(1, 1); err != nil {
		return nil, err
	}
	files[timestampName], err = a.timestamp(1, a.expires)
	return files, err
}

func (a *author) root(version int64, expires time.Time) ([]byte, error) {
	root := metadata.Root(expires)
	root.Signed.Version = version
	for _, role := range []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := root.Signed.AddKey(a.key, role); err != nil {
			return nil, fmt.Errorf("add TUF key to role %s: %w", role, err)
		}
	}
	return sign(a, root)
}

// snapshot names a version of the list of targets.
func (a *author) snapshot(version, targets int64) ([]byte, error) {
	snapshot := metadata.Snapshot(a.expires)
	snapshot.Signed.Version = version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(targets)
	return sign(a, snapshot)
}

// timestamp names a version of the snapshot, and has the same version itself.
func (a *author) timestamp(snapshot int64, expires time.Time) ([]byte, error) {
	timestamp := metadata.Timestamp(expires)
	timestamp.Signed.Version = snapshot
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(snapshot)
	return sign(a, timestamp)
}

func sign[T metadata.Roles](a *author, role *metadata.Metadata[T]) ([]byte, error) {
	if _, err := role.Sign(a.signer); err != nil {
		return nil, fmt.Errorf("sign TUF metadata: %w", err)
	}
	content, err := role.ToBytes(true)
	if err != nil {
		return nil, fmt.Errorf("encode TUF metadata: %w", err)
	}
	return content, nil
}

// describe is the entry of a target in the list of targets.
func describe(target Target) (*metadata.TargetFiles, error) {
	file, err := metadata.TargetFile().FromBytes(target.Name, target.Content, "sha256", "sha512")
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	if target.Usage == "" {
		return file, nil
	}
	custom, err := json.Marshal(map[string]any{"sigstore": map[string]string{
		"status": "Active", "usage": target.Usage, "uri": target.URI,
	}})
	if err != nil {
		return nil, fmt.Errorf("encode custom metadata: %w", err)
	}
	file.Custom = (*json.RawMessage)(&custom)
	return file, nil
}

// paths are where a target is: under its digests, as consistent snapshots ask.
func paths(name string, file *metadata.TargetFiles) []string {
	var all []string
	for _, digest := range file.Hashes {
		all = append(all, "targets/"+hex.EncodeToString(digest)+"."+name)
	}
	return all
}
