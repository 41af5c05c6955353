//go:build mutants

package mutants_test

// signerMutants attach, or publish, what the Signer has to stop.
var signerMutants = []mutant{
	{
		name: "what was just signed", file: "signer.go",
		old: `if err := services.verifyNew(b, key.identity); err != nil {`,
		now: `if err := services.verifyNew(b, key.identity); false {`,
	},
	{
		name: "bytes that were to be signed", file: "selfcheck.go",
		old: `!bytes.Equal(envelope.GetPayload(), made.Statement.Payload)`,
		now: `bytes.Equal(nil, []byte{1})`,
	},
	{
		name: "time of the log", file: "selfcheck.go",
		old: `sigverify.WithIntegratedTimestamps(1)`,
		now: `sigverify.WithObserverTimestamps(1)`,
	},
	{
		name: "timestamps", file: "selfcheck.go",
		old: `if len(s.timestamp) > 0 && !form.IsTag() {`,
		now: `if len(s.timestamp) > 0 && !form.IsTag() && s.version == 2 {`,
	},
	{
		name: "each timestamp", file: "selfcheck.go",
		old: `sigverify.WithSignedTimestamps(len(s.timestamp))`,
		now: `sigverify.WithSignedTimestamps(1)`,
	},
	{
		name: "key of the certificate", file: "certificate.go",
		old: `if err := cryptoutils.EqualKeys(cert.PublicKey, public); err != nil {`,
		now: `if err := cryptoutils.EqualKeys(cert.PublicKey, public); false {`,
	},
	{
		name: "identity of the certificate", file: "certificate.go",
		old: `if err := expected.identity.Verify(summary); err != nil {`,
		now: `if err := expected.identity.Verify(summary); false {`,
	},
	{
		name: "authority of the certificate", file: "certificate.go",
		old: `chains, err := sigverify.VerifyLeafCertificate(cert.NotBefore, cert, s.root)
	if err != nil {
		return badCertificate(err)
	}
`,
		now: `chains, err := sigverify.VerifyLeafCertificate(cert.NotBefore, cert, s.root)
	if err != nil {
		chains = [][]*x509.Certificate{{cert, cert}}
	}
`,
	},
	{
		name: "SCT of the certificate although there is a CT log", file: "certificate.go",
		old: `len(s.root.CTLogs()) > 0 || hasSCT(c.der)`,
		now: `hasSCT(c.der)`,
	},
	{
		name: "SCT of the certificate, without a CT log", file: "certificate.go",
		old: `len(s.root.CTLogs()) > 0 || hasSCT(c.der)`,
		now: `len(s.root.CTLogs()) > 0`,
	},
	{
		name: "age of the key", file: "certificate.go",
		old: `key != nil && time.Since(key.since) < keyLife`,
		now: `key != nil`,
	},
	{
		name: "complete: authority", file: "services.go",
		old: `case len(s.root.FulcioCertificateAuthorities()) == 0:`,
		now: `case false:`,
	},
	{
		name: "complete: log", file: "services.go",
		old: `case len(s.root.RekorLogs()) == 0:`,
		now: `case false:`,
	},
	{
		name: "complete: timestamp authority", file: "services.go",
		old: `case len(s.timestamp) > 0 && len(s.root.TimestampingAuthorities()) == 0:`,
		now: `case false:`,
	},
	{
		name: "complete: time", file: "services.go",
		old: `case len(s.timestamp) == 0 && s.version == 2:`,
		now: `case false:`,
	},
	{
		name: "private repository", file: "identity.go",
		old: `if visibility == "public" || s.options.Job.PrivateIsPublic || !services.public() {`,
		now: `if true {`,
	},
	{
		name: "private repository, by the token that signs", file: "certificate.go",
		old: `if err := s.guardPrivate(claims, services); err != nil {`,
		now: `if err := s.guardPrivate(claims, services); false {`,
	},
	{
		name: "certificate of the past", file: "certificate.go",
		old: `if cert.NotAfter.Before(c.token) {`,
		now: `if false {`,
	},
	{
		name: "token of the same run", file: "certificate.go",
		old: `if err := s.sameRun(identity); err != nil {`,
		now: `if err := s.sameRun(identity); false {`,
	},
	{
		name: "audience", file: "identity.go",
		old: `case !slices.Contains(c.Audience, want):`,
		now: `case false:`,
	},
	{
		name: "size for the public log", file: "size.go",
		old: `if size > maxPublicRequest {`,
		now: `if false {`,
	},
	{
		name: "panic over an answer of the log", file: "clients.go",
		old: `(ctx context.Context, certificate []byte, b *protobundle.Bundle) (err error) {
	defer recovered(&err)
`,
		now: `(ctx context.Context, certificate []byte, b *protobundle.Bundle) (err error) {
`,
	},
}
