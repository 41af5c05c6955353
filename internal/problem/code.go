package problem

// A Code names a kind of failure. It never changes once released: links in old job
// logs point to it.
type Code string

// The codes, grouped by exit status.
const (
	Unexpected Code = "unexpected"

	InputInvalid      Code = "input-invalid"
	PrivateRepository Code = "private-repository"

	IDTokenPermission Code = "id-token-permission"
	IDTokenRequest    Code = "id-token-request"
	IDTokenClaims     Code = "id-token-claims"
	RegistryLogin     Code = "registry-login"
	RegistryDenied    Code = "registry-denied"

	ImageNotFound       Code = "image-not-found"
	ImageUnsupported    Code = "image-unsupported"
	DigestMismatch      Code = "digest-mismatch"
	PlatformUnknown     Code = "platform-unknown"
	RegistryUnavailable Code = "registry-unavailable"
	RegistryUnreachable Code = "registry-unreachable"

	SBOMFailed   Code = "sbom-failed"
	SBOMEmpty    Code = "sbom-empty"
	SBOMTooLarge Code = "sbom-too-large"

	TrustRoot            Code = "trust-root"
	FulcioUnavailable    Code = "fulcio-unavailable"
	FulcioRejected       Code = "fulcio-rejected"
	RekorUnavailable     Code = "rekor-unavailable"
	RekorRejected        Code = "rekor-rejected"
	TimestampUnavailable Code = "timestamp-unavailable"

	ReferrersRefused Code = "referrers-refused"
	TagsRefused      Code = "tags-refused"
	AttachFailed     Code = "attach-failed"
	ReadBackMissing  Code = "read-back-missing"

	BundleInvalid      Code = "bundle-invalid"
	NotSigned          Code = "not-signed"
	SignerUnexpected   Code = "signer-unexpected"
	SignatureUntrusted Code = "signature-untrusted"
	SBOMMissing        Code = "sbom-missing"

	RunnerFiles       Code = "runner-files"
	ArtifactFailed    Code = "artifact-failed"
	ReleaseFailed     Code = "release-failed"
	AttestationFailed Code = "attestation-failed"
	SnapshotFailed    Code = "snapshot-failed"

	Timeout   Code = "timeout"
	Cancelled Code = "cancelled"
)

// exits is the table of exit statuses that docs/troubleshooting.md documents.
var exits = map[Code]int{
	Unexpected: 1,

	InputInvalid: 2, PrivateRepository: 2,

	IDTokenPermission: 3, IDTokenRequest: 3, IDTokenClaims: 3, RegistryLogin: 3, RegistryDenied: 3,

	ImageNotFound: 4, ImageUnsupported: 4, DigestMismatch: 4, PlatformUnknown: 4,
	RegistryUnavailable: 4, RegistryUnreachable: 4,

	SBOMFailed: 5, SBOMEmpty: 5, SBOMTooLarge: 5,

	TrustRoot: 6, FulcioUnavailable: 6, FulcioRejected: 6, RekorUnavailable: 6, RekorRejected: 6,
	TimestampUnavailable: 6,

	ReferrersRefused: 7, TagsRefused: 7, AttachFailed: 7, ReadBackMissing: 7,

	BundleInvalid: 8, NotSigned: 8, SignerUnexpected: 8, SignatureUntrusted: 8, SBOMMissing: 8,

	RunnerFiles: 9, ArtifactFailed: 9, ReleaseFailed: 9, AttestationFailed: 9, SnapshotFailed: 9,

	Timeout: 124, Cancelled: 143,
}

// Codes returns every code; the order is not defined.
func Codes() []Code {
	codes := make([]Code, 0, len(exits))
	for c := range exits {
		codes = append(codes, c)
	}
	return codes
}

// Exit is the exit status of a run that fails with c; 1 for an unknown code.
func (c Code) Exit() int {
	if n, ok := exits[c]; ok {
		return n
	}
	return 1
}
