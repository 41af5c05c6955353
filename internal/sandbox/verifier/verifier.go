// Package verifier checks what is attached to an image, the way a stranger would: the referrers of the digest from
// the registry, each bundle with sigstore-go against a trusted root, and the exact identity of the signer.
//
// It shares no code with the action, so that the two cannot be wrong together. It does not look at cosign's tags
// (.sig, .att); cosign itself is the judge of those.
package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// Usage shows the command of [Main].
const Usage = `verify -trusted-root FILE -identity SAN -issuer URL [-repository URI] [-type PREDICATETYPE] REPO@DIGEST`

// Main runs the command "verify", which is args[0], and prints every accepted bundle as a line of JSON; see [Usage].
func Main(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "verify" {
		return errors.New("no command verify; usage:\n" + Usage)
	}
	ref, policy, err := parse(args[1:])
	if err != nil {
		return fmt.Errorf("%w; usage:\n%s", err, Usage)
	}
	accepted, err := Verify(ctx, ref, policy)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(stdout)
	enc.SetEscapeHTML(false)
	for _, a := range accepted {
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("print bundle %s: %w", a.Manifest, err)
		}
	}
	return nil
}

func parse(args []string) (name.Digest, Policy, error) {
	var policy Policy
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	trusted := flags.String("trusted-root", "", "trusted_root.json of the Sigstore instance")
	flags.StringVar(&policy.Identity, "identity", "", "subject alternative name of the certificate")
	flags.StringVar(&policy.Issuer, "issuer", "", "issuer of the OIDC token behind the certificate")
	flags.StringVar(&policy.Repository, "repository", "", "URI of the source repository in the certificate")
	flags.StringVar(&policy.PredicateType, "type", "", "accept only this type of predicate")
	if err := flags.Parse(args); err != nil {
		return name.Digest{}, policy, fmt.Errorf("parse arguments: %w", err)
	}
	if flags.NArg() != 1 || *trusted == "" || policy.Identity == "" || policy.Issuer == "" {
		return name.Digest{}, policy, errors.New("missing argument")
	}
	ref, err := name.NewDigest(flags.Arg(0))
	if err != nil {
		return name.Digest{}, policy, fmt.Errorf("parse image: %w", err)
	}
	if policy.Trust, err = root.NewTrustedRootFromPath(*trusted); err != nil {
		return name.Digest{}, policy, fmt.Errorf("read trusted root: %w", err)
	}
	return ref, policy, nil
}

// Policy is what a bundle must satisfy. The zero value accepts nothing.
type Policy struct {
	Trust         root.TrustedMaterial
	Identity      string // exact subject alternative name
	Issuer        string // exact issuer
	Repository    string // exact source repository URI; empty: any
	PredicateType string // empty: any
}

// Accepted is a bundle that verifies.
type Accepted struct {
	Manifest        string `json:"manifest"` // digest of the referrer
	PredicateType   string `json:"predicate_type"`
	Subject         string `json:"subject"`
	Identity        string `json:"identity"`
	Issuer          string `json:"issuer"`
	Repository      string `json:"repository"`
	LogIndex        int64  `json:"log_index"`
	IntegratedTime  string `json:"integrated_time"` // RFC 3339; empty when the log keeps no time, as Rekor v2
	PredicateSHA256 string `json:"predicate_sha256"`
}

// Verify returns the bundles on ref that satisfy the policy, at least one. A bundle that does not is skipped, for
// anyone may attach one; a referrer that claims to be a bundle and is not stored like one is an error.
func Verify(ctx context.Context, ref name.Digest, policy Policy, options ...remote.Option) ([]Accepted, error) {
	options = append(options, remote.WithContext(ctx))
	referrers, err := fetchReferrers(ref, options)
	if err != nil {
		return nil, err
	}
	check, err := newChecker(ref, policy)
	if err != nil {
		return nil, err
	}
	var accepted []Accepted
	refused := []error{fmt.Errorf("no bundle of %s verifies", ref)}
	for _, r := range referrers {
		a, err := check.bundle(r.bundle)
		if err != nil {
			refused = append(refused, fmt.Errorf("bundle %s: %w", r.digest, err))
			continue
		}
		a.Manifest = r.digest.String()
		accepted = append(accepted, *a)
	}
	if len(accepted) > 0 {
		return accepted, nil
	}
	if len(referrers) == 0 {
		refused = append(refused, errors.New("it has no referrer of type "+bundleType))
	}
	return nil, errors.Join(refused...)
}
