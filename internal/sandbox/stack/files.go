package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"seal-image/internal/sandbox/sigstore"
	"seal-image/internal/sandbox/tuf"
)

// The names by which clients look for the targets of a TUF repository.
const (
	trustedRootTarget   = "trusted_root.json"
	signingConfigTarget = "signing_config.v0.2.json"
)

const (
	signingConfigFile = "signing_config.json"
	rootFile          = "1.root.json"
)

// writeFiles writes the job's files and makes the TUF repository of the same content.
func (s *Stack) writeFiles(job *Job) (*tuf.Repository, error) {
	targets, err := s.targets(job)
	if err != nil {
		return nil, err
	}
	repository, err := tuf.New(targets)
	if err != nil {
		return nil, fmt.Errorf("make TUF repository: %w", err)
	}
	files := map[string][]byte{rootFile: repository.Root()}
	for _, target := range targets {
		files[fileName(target)] = target.Content
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(job.Dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write file of the job: %w", err)
		}
	}
	job.TrustedRoot = filepath.Join(job.Dir, trustedRootTarget)
	job.SigningConfig = filepath.Join(job.Dir, signingConfigFile)
	job.TUFRoot = filepath.Join(job.Dir, rootFile)
	return repository, nil
}

// fileName leaves out the version that TUF clients know signing configs by.
func fileName(target tuf.Target) string {
	if target.Name == signingConfigTarget {
		return signingConfigFile
	}
	return target.Name
}

func (s *Stack) targets(job *Job) ([]tuf.Target, error) {
	trustedRoot, err := s.trust.Root()
	if err != nil {
		return nil, err
	}
	signingConfig, err := sigstore.SigningConfig(sigstore.Endpoints{
		Fulcio:    job.FulcioURL,
		Issuer:    job.Issuer,
		Rekor:     job.RekorURL,
		Timestamp: job.TSAURL,
	})
	if err != nil {
		return nil, err
	}
	legacy, err := s.trust.Files()
	if err != nil {
		return nil, err
	}
	targets := []tuf.Target{
		{Name: trustedRootTarget, Content: trustedRoot},
		{Name: signingConfigTarget, Content: signingConfig},
	}
	for _, file := range legacy {
		targets = append(targets, tuf.Target(file))
	}
	return targets, nil
}
