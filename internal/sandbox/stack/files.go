package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"seal-image/internal/sandbox/sigstore"
	"seal-image/internal/sandbox/tuf"
)

// The names by which clients look for the targets of a TUF repository.
const (
	trustedRootTarget          = "trusted_root.json"
	signingConfigTarget        = "signing_config.v0.2.json"
	signingConfigV2Target      = "signing_config_rekor_v2.v0.2.json"
	signingConfigV2AloneTarget = "signing_config_rekor_v2_alone.v0.2.json"
)

const rootFile = "1.root.json"

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
		files[fileName(target.Name)] = target.Content
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(job.Dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write file of the job: %w", err)
		}
	}
	file := func(target string) string { return filepath.Join(job.Dir, fileName(target)) }
	job.TrustedRoot = file(trustedRootTarget)
	job.SigningConfig = file(signingConfigTarget)
	job.SigningConfigV2 = file(signingConfigV2Target)
	job.SigningConfigV2Alone = file(signingConfigV2AloneTarget)
	job.TUFRoot = file(rootFile)
	return repository, nil
}

// fileName leaves out the version that TUF clients know signing configs by.
func fileName(target string) string { return strings.Replace(target, ".v0.2.json", ".json", 1) }

func (s *Stack) targets(job *Job) ([]tuf.Target, error) {
	trustedRoot, err := s.trust.Root()
	if err != nil {
		return nil, err
	}
	targets := []tuf.Target{{Name: trustedRootTarget, Content: trustedRoot}}
	v1, v2 := sigstore.Rekor{URL: job.RekorURL, Version: 1}, sigstore.Rekor{URL: job.RekorV2URL, Version: 2}
	for name, logs := range map[string][]sigstore.Rekor{
		signingConfigTarget:        {v1},
		signingConfigV2Target:      {v2, v1},
		signingConfigV2AloneTarget: {v2},
	} {
		signingConfig, err := sigstore.SigningConfig(sigstore.Endpoints{
			Fulcio:    job.FulcioURL,
			Issuer:    job.Issuer,
			Rekor:     logs,
			Timestamp: job.TSAURL,
		})
		if err != nil {
			return nil, err
		}
		targets = append(targets, tuf.Target{Name: name, Content: signingConfig})
	}
	legacy, err := s.trust.Files()
	if err != nil {
		return nil, err
	}
	for _, file := range legacy {
		targets = append(targets, tuf.Target(file))
	}
	return targets, nil
}
