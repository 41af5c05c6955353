//go:build mutants

package mutants_test

// policyMutants take more people for the one who is expected.
var policyMutants = []mutant{
	{
		name: "identity", file: "verify.go",
		old: `sigverify.WithCertificateIdentity(p.identity)`,
		now: `sigverify.WithoutIdentitiesUnsafe()`,
	},
	{
		name: "name", file: "policy.go",
		old: `sigverify.NewSANMatcher(exact, pattern)`,
		now: `sigverify.NewSANMatcher("", ".*"+exact[:0]+pattern[:0])`,
	},
	{
		name: "issuer", file: "policy.go",
		old: `sigverify.NewIssuerMatcher(issuer, "")`,
		now: `sigverify.NewIssuerMatcher("", ".*"+issuer[:0])`,
	},
	{
		name: "commit of what was just signed", file: "policy.go",
		old: `		SourceRepositoryDigest:          id.SHA,
`,
		now: ``,
	},
	{
		name: "run of provenance", file: "policy.go",
		old: `		RunInvocationURI:                id.Run.InvocationURI,
`,
		now: ``,
	},
	{
		name: "event of provenance", file: "policy.go",
		old: `		BuildTrigger:                    id.Run.Event,
`,
		now: ``,
	},
	{
		name: "workflow of provenance", file: "policy.go",
		old: `		BuildConfigURI:                  configURI(id),
`,
		now: ``,
	},
	{
		name: "ref of an earlier run", file: "policy.go",
		old: `		SourceRepositoryURI: id.RepositoryURI,
		SourceRepositoryRef: id.Ref,
`,
		now: `		SourceRepositoryURI: id.RepositoryURI,
`,
	},
	{
		name: "repository of an earlier run", file: "policy.go",
		old: `		SourceRepositoryURI: id.RepositoryURI,
		SourceRepositoryRef: id.Ref,
`,
		now: `		SourceRepositoryRef: id.Ref,
`,
	},
	{
		name: "expected repository", file: "policy.go",
		old: `certificate.Extensions{SourceRepositoryURI: e.RepositoryURI}`,
		now: `certificate.Extensions{}`,
	},
	{
		name: "workflow of the repository", file: "policy.go",
		old: `p.ownWorkflow = e.RepositoryURI == ""`,
		now: `p.ownWorkflow = false`,
	},
	{
		name: "what the library does not look at", file: "verify.go",
		old: `return signer, p.check(signer)`,
		now: `return signer, nil`,
	},
	{
		name: "end of the repository's name", file: "policy.go",
		old: `repo+"/.github/workflows/")`,
		now: `repo)`,
	},
	{
		name: "only workflows have a repository", file: "policy.go",
		old: `if !p.ownWorkflow || !strings.Contains(signer.SubjectAlternativeName, "/.github/workflows/") {`,
		now: `if !p.ownWorkflow {`,
	},
	{
		name: "pattern of the whole", file: "policy.go",
		old: `"^(?:" + e.Pattern + ")$"`,
		now: `e.Pattern`,
	},
	{
		name: "pattern from the start", file: "policy.go",
		old: `"^(?:" + e.Pattern + ")$"`,
		now: `"(?:" + e.Pattern + ")$"`,
	},
	{
		name: "pattern to the end", file: "policy.go",
		old: `"^(?:" + e.Pattern + ")$"`,
		now: `"^(?:" + e.Pattern + ")"`,
	},
	{
		name: "pattern in each alternative", file: "policy.go",
		old: `"^(?:" + e.Pattern + ")$"`,
		now: `"^" + e.Pattern + "$"`,
	},
	{
		name: "pattern by itself", file: "policy.go",
		old: `regexp.Compile(e.Pattern)`,
		now: `regexp.Compile("")`,
	},
}
