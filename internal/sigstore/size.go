package sigstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// maxPublicRequest is the size above which the public Rekor drops a request without a word:
// https://github.com/sigstore/rekor/issues/2808. From half of that it has been seen to fail.
// Other logs answer for themselves.
const (
	maxPublicRequest  = 4 << 20
	warnPublicRequest = 2 << 20
	aroundPayload     = 4 << 10 // certificate, signature and the rest of a request
)

// maxBundle is the size above which nobody reads a bundle back: this action has 64 MiB for one.
const maxBundle = 63 << 20

// fits refuses what the log would not take, before anything is public.
func (s *Signer) fits(ctx context.Context, services *services, statements []*attest.Statement) error {
	for _, st := range statements {
		// A log of version 1 gets the whole envelope, its payload in base64. Of what is
		// signed as it is, it gets a hash, and one of version 2 never gets more.
		size := requestSize(st)
		if size > maxBundle {
			return tooLargeToRead(st, size)
		}
		if size <= warnPublicRequest || st.IsSimpleSigning() || !services.publicWholeLog() {
			continue
		}
		if size > maxPublicRequest {
			return tooLarge(st, size)
		}
		s.options.Log.WarnContext(ctx, fmt.Sprintf("The SBOM of %s makes a request of %.1f MiB; the public transparency log is known to drop requests from 2 MiB on, and refuses those above 4 MiB.", st.About.Ref, mib(size)))
	}
	return nil
}

// requestSize is that of the request with the whole envelope.
func requestSize(st *attest.Statement) int {
	return base64.StdEncoding.EncodedLen(len(st.Payload)) + aroundPayload
}

func tooLarge(st *attest.Statement, size int) error {
	return &problem.Problem{
		Code: problem.SBOMTooLarge,
		What: fmt.Sprintf("The SBOM of %s is too large for the public transparency log.", st.About.Ref),
		Why:  fmt.Sprintf("It has %.1f MiB, which makes a request of %.1f MiB; the log refuses more than 4 MiB. Nothing about this image was signed.", mib(len(st.Payload)), mib(size)),
		Fix:  "Leave files out with `sbom-files: none`. Or sign for newer verifiers alone, in the log of version 2, which gets a hash:\n  signature-format: bundle\n  signing-config: signing_config_rekor_v2.v0.2.json\nOr attach the SBOM without signing it (`attach-sbom: referrer`), or use a Rekor of your own: fulcio-url, rekor-url and trusted-root.",
	}
}

func tooLargeToRead(st *attest.Statement, size int) error {
	return &problem.Problem{
		Code: problem.SBOMTooLarge,
		What: fmt.Sprintf("The SBOM of %s is too large to be attached.", st.About.Ref),
		Why:  fmt.Sprintf("It has %.1f MiB, and %.1f MiB as it is signed; what verifies it reads 64 MiB. Nothing about this image was signed.", mib(len(st.Payload)), mib(size)),
		Fix:  "Leave files out with `sbom-files: none`, and what nobody has to know with `catalogers` or `exclude`. Or sign without SBOM: `sbom: false`.",
	}
}

// perhapsTooLarge adds to an outage what it may be instead.
func perhapsTooLarge(err error) error {
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		return err
	}
	out := *p
	out.Why += " It answers smaller requests."
	out.Fix = tooLargeFix
	return &out
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }
