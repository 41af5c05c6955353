//go:build mutants

package mutants_test

// verifyMutants believe more of a bundle than is proven.
var verifyMutants = []mutant{
	{
		name: "SCT although there is a CT log", file: "verify.go",
		old: `len(v.root.CTLogs()) > 0 || hasSCT(leaf(b.GetVerificationMaterial()))`,
		now: `hasSCT(leaf(b.GetVerificationMaterial()))`,
	},
	{
		name: "SCT that is there, without a CT log", file: "verify.go",
		old: `len(v.root.CTLogs()) > 0 || hasSCT(leaf(b.GetVerificationMaterial()))`,
		now: `len(v.root.CTLogs()) > 0`,
	},
	{
		name: "log entry at all", file: "verify.go",
		old: `len(v.root.RekorLogs()) > 0 || len(entries) > 0`,
		now: `len(entries) > 0`,
	},
	{
		name: "log entry that is there, without a log", file: "verify.go",
		old: `len(v.root.RekorLogs()) > 0 || len(entries) > 0`,
		now: `len(v.root.RekorLogs()) > 0`,
	},
	{
		name: "each log entry", file: "verify.go",
		old: `max(1, len(entries))`,
		now: `1`,
	},
	{
		name: "time of signing", file: "verifier.go",
		old: `sigverify.WithObserverTimestamps(1)`,
		now: `sigverify.WithCurrentTime()`,
	},
	{
		name: "digest", file: "verify.go",
		old: `artifact = sigverify.WithArtifactDigest(st.About.Digest().Algorithm, digest)`,
		now: `_, artifact = digest, sigverify.WithoutArtifactUnsafe()`,
	},
	{
		name: "what the library leaves out of a log entry", file: "verify.go",
		old: `v.checkEntries(b, entries, result.VerifiedTimestamps); err != nil`,
		now: `v.checkEntries(b, entries, result.VerifiedTimestamps); false`,
	},
	{
		name: "log in service", file: "verify.go",
		old: `if !e.HasInclusionPromise() && !inService(log, t.Timestamp) {`,
		now: `if !inService(log, t.Timestamp) && false {`,
	},
	{
		name: "time of the log itself, which counts for its service", file: "verify.go",
		old: `if !e.HasInclusionPromise() && !inService(log, t.Timestamp) {`,
		now: `if !inService(log, t.Timestamp) {`,
	},
	{
		name: "start of the log's service", file: "verify.go",
		old: `!at.Before(log.ValidityPeriodStart) && `,
		now: ``,
	},
	{
		name: "first second of the log's service", file: "verify.go",
		old: `!at.Before(log.ValidityPeriodStart) && `,
		now: `at.After(log.ValidityPeriodStart) && `,
	},
	{
		name: "end of the log's service", file: "verify.go",
		old: `(log.ValidityPeriodEnd.IsZero() || !at.After(log.ValidityPeriodEnd))`,
		now: `true`,
	},
	{
		name: "last second of the log's service", file: "verify.go",
		old: `!at.After(log.ValidityPeriodEnd)`,
		now: `at.Before(log.ValidityPeriodEnd)`,
	},
	{
		name: "same signature", file: "verify.go",
		old: `if err := sameSignature(b, e); err != nil {`,
		now: `if err := sameSignature(b, e); false {`,
	},
	{
		name: "same signature: hash", file: "verify.go",
		old: `!bytes.Equal(got, want)`,
		now: `len(got) != len(want)`,
	},
	{
		name: "form of what is stored", file: "verify.go",
		old: `case attest.FormSig, attest.FormAtt:`,
		now: `case attest.FormSig, attest.FormAtt, attest.FormTag, attest.FormReferrer, "":`,
	},
	{
		name: "trust root has an authority", file: "verifier.go",
		old: `if len(trusted.FulcioCertificateAuthorities()) == 0 {`,
		now: `if false {`,
	},
	{
		name: "trust root has a log or a timestamp authority", file: "verifier.go",
		old: `if len(trusted.RekorLogs()) == 0 && len(trusted.TimestampingAuthorities()) == 0 {`,
		now: `if false {`,
	},
	{
		name: "panic of a library", file: "guard.go",
		old: `if r := recover(); r != nil {`,
		now: `if r := any(nil); r != nil {`,
	},
}
