//go:build mutants

package mutants_test

// statementMutants read more into a payload than everybody reads.
var statementMutants = []mutant{
	{
		name: "digest of a simple signing payload", file: "statement.go",
		old: `if claim.Image.DigestStr() != about.Ref.DigestStr() {`,
		now: `if false {`,
	},
	{
		name: "field there twice", file: "statement.go",
		old: `if _, twice := fields[name]; twice {`,
		now: `if _, twice := fields[name]; twice && false {`,
	},
	{
		name: "field in another case", file: "statement.go",
		old: `if slices.ContainsFunc(known, same) {`,
		now: `if slices.ContainsFunc(known, same) && false {`,
	},
	{
		name: "type of the statement", file: "statement.go",
		old: `if !slices.Contains(statementTypes, statementType) {`,
		now: `if false {`,
	},
	{
		name: "predicate type is there", file: "statement.go",
		old: `if predicateType == "" {`,
		now: `if false {`,
	},
	{
		name: "subjects", file: "statement.go",
		old: `return predicateType, checkSubjects(fields["subject"])`,
		now: `return predicateType, nil`,
	},
	{
		name: "fields of a subject", file: "statement.go",
		old: `fields, err := object(s)
		if err != nil {`,
		now: `fields := map[string]json.RawMessage{}
		err := json.Unmarshal(s, &fields)
		if err != nil {`,
	},
	{
		name: "fields of a digest", file: "statement.go",
		old: `if _, err := object(fields["digest"]); err != nil {`,
		now: `if _, err := object(fields["digest"]); false {`,
	},
	{
		name: "end of the statement", file: "statement.go",
		old: `if decode.More() {
		return nil`,
		now: `if false {
		return nil`,
	},
}
