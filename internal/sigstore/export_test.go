package sigstore

import "seal-image/internal/attest"

// KeyLife is how long a key is used.
const KeyLife = keyLife

// VerifyNew is the check of what was just signed.
func (s *Signer) VerifyNew(b *attest.Bundle) error { return s.services.verifyNew(b, s.identity) }
