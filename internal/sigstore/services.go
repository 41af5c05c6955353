package sigstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// services are the endpoints that sign, and what verifies what they say.
type services struct {
	verifier
	fulcio    string   // URL
	rekor     string   // URL
	version   uint32   // of Rekor's API
	timestamp []string // URLs with path
	format    attest.SignatureFormat
}

// choose selects the services of a signing config that are valid now.
func (s *services) choose(config *root.SigningConfig, now time.Time) error {
	fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), []uint32{1}, now)
	if err != nil {
		return errors.New("it has no Fulcio with API version 1 that is valid now") // the library's words have only the time
	}
	s.fulcio = fulcio.URL
	if err := s.chooseLog(config, now); err != nil {
		return err
	}
	if len(config.TimestampAuthorityURLs()) == 0 {
		return nil
	}
	selector, err := selection(config.TimestampAuthorityURLsConfig)
	if err != nil {
		return errors.New("it does not say which of its timestamp authorities to use: tsaConfig")
	}
	authorities, err := root.SelectServices(config.TimestampAuthorityURLs(), selector, []uint32{1}, now)
	if err != nil {
		return errors.New("it has fewer timestamp authorities with API version 1 than it asks for")
	}
	for _, a := range authorities {
		s.timestamp = append(s.timestamp, a.URL)
	}
	return nil
}

// selection says which services of several to use. The library dereferences it, and a file may
// lack it.
func selection(of func() root.ServiceConfiguration) (root.ServiceConfiguration, error) {
	return guarded(func() (root.ServiceConfiguration, error) { return of(), nil })
}

// chooseLog takes the highest version for new verifiers alone. A log of version 2 gives no
// promise, without which older ones find nothing to verify.
func (s *services) chooseLog(config *root.SigningConfig, now time.Time) error {
	selector, err := selection(config.RekorLogURLsConfig)
	if err != nil {
		return errors.New("it does not say which of its logs to use: rekorTlogConfig")
	}
	selected := func(versions ...uint32) ([]root.Service, error) {
		return root.SelectServices(config.RekorLogURLs(), selector, versions, now)
	}
	versions := []uint32{1, 2}
	if s.format != attest.Bundles {
		versions = []uint32{1}
	}
	logs, err := selected(versions...)
	if err != nil && s.format != attest.Bundles {
		if logs, err = selected(2); err == nil && s.format == attest.Legacy {
			return noLegacy()
		}
		s.format = attest.Bundles
	}
	switch {
	case err != nil:
		return errors.New("it has no log with the API version 1 or 2 of Rekor that is valid now, or fewer than it asks for")
	case len(logs) != 1:
		return errors.New("it asks for several logs, and one is supported")
	}
	s.rekor, s.version = logs[0].URL, logs[0].MajorAPIVersion
	return nil
}

func noLegacy() error {
	return &problem.Problem{
		Code: problem.InputInvalid,
		What: "This Sigstore cannot sign for older verifiers.",
		Why:  "`signature-format: legacy` needs a log of version 1, and the signing config has only one of version 2, which gives no promise that could stand in the tags .sig and .att.",
		Fix:  "Write below `with:`\n  signature-format: bundle",
	}
}

// complete refuses services whose proofs nobody could verify, before they are asked: what
// they log is public for good.
func (s *services) complete() error {
	switch {
	case len(s.root.FulcioCertificateAuthorities()) == 0:
		return unverifiable("no certificate authority")
	case len(s.root.RekorLogs()) == 0:
		return unverifiable("no transparency log")
	case len(s.timestamp) > 0 && len(s.root.TimestampingAuthorities()) == 0:
		return unverifiable("no timestamp authority, although one is to sign the time")
	case len(s.timestamp) == 0 && s.version == 2:
		return &problem.Problem{
			Code: problem.InputInvalid,
			What: "This Sigstore would sign without a time.",
			Why:  "A log of version 2 gives none, and the signing config has no timestamp authority. Nobody could tell whether the certificate was valid.",
			Fix:  "Use a signing config with a timestamp authority, or one with a log of version 1.",
		}
	}
	return nil
}

func unverifiable(lacks string) error {
	return &problem.Problem{
		Code: problem.TrustRoot,
		What: "The trust root cannot verify what this Sigstore signs.",
		Why:  "It lists " + lacks + ".",
		Fix:  "Use the trusted root that belongs to the services that sign: the file of trusted-root, or the one of the TUF repository.",
	}
}

// public reports whether a service that learns the identity is one of the public good
// instance. Fulcio publishes in its CT log what Rekor publishes in its entries.
func (s *services) public() bool {
	return below(s.fulcio, "sigstore.dev") || below(s.rekor, "sigstore.dev")
}

// publicWholeLog reports whether entries go to the public log that stores them whole.
func (s *services) publicWholeLog() bool {
	return s.version == 1 && below(s.rekor, "sigstore.dev")
}

func below(service, domain string) bool {
	u, err := url.Parse(service)
	if err != nil {
		return true // better to ask once too often
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// entryURL is where a person can look at a log entry. A log of version 2 has no page and no
// request for one entry.
func (s *services) entryURL(e attest.LogEntry) string {
	switch {
	case s.version != 1 || e.IntegratedTime.IsZero():
		return ""
	case below(s.rekor, "rekor.sigstore.dev"):
		return fmt.Sprintf("https://search.sigstore.dev/?logIndex=%d", e.Index)
	default:
		return fmt.Sprintf("%s/api/v1/log/entries?logIndex=%d", strings.TrimRight(s.rekor, "/"), e.Index)
	}
}
