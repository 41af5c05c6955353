//go:build matrix

package matrix_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const provenancePredicateType = "https://slsa.dev/provenance/v1"

// ghResult is what gh prints of an attestation that it accepts.
type ghResult struct {
	VerificationResult struct {
		Signature struct {
			Certificate struct {
				BuildConfigURI                  string
				BuildSignerURI                  string
				BuildTrigger                    string
				RunInvocationURI                string
				RunnerEnvironment               string
				SourceRepositoryURI             string
				SourceRepositoryRef             string
				SourceRepositoryDigest          string
				SourceRepositoryIdentifier      string
				SourceRepositoryOwnerIdentifier string
			}
		}
		Statement struct {
			PredicateType string
			Predicate     any
		}
	}
}

// checkProvenance has gh verify the provenance, with the predicate type that it has for a
// default and with the same by name, and compares each field with the certificate of the one
// who signed: it has nothing to say that Fulcio has not certified.
func (b *ghBench) checkProvenance(t *testing.T, log, ref string) {
	t.Helper()
	for _, flags := range [][]string{nil, {"--predicate-type", provenancePredicateType}, {"--deny-self-hosted-runners", "--cert-identity", signer}} {
		words, err := b.verify(t, ref, append([]string{"--repo", "acme/demo"}, flags...)...)
		if err != nil {
			t.Errorf("%s: gh with %v refuses the provenance: %v\n%s", log, flags, err, words)
			return
		}
		var results []ghResult
		if err := json.Unmarshal(words, &results); err != nil || len(results) != 1 {
			t.Fatalf("%s: gh prints %d attestations, %v: %s", log, len(results), err, words)
		}
		got, certificate := results[0].VerificationResult.Statement, results[0].VerificationResult.Signature.Certificate
		file, ref, _ := strings.Cut(strings.TrimPrefix(certificate.BuildConfigURI, certificate.SourceRepositoryURI+"/"), "@")
		want := map[string]any{
			"buildDefinition": map[string]any{
				"buildType": "https://actions.github.io/buildtypes/workflow/v1",
				"externalParameters": map[string]any{
					"workflow": map[string]any{"ref": ref, "repository": certificate.SourceRepositoryURI, "path": file},
				},
				"internalParameters": map[string]any{"github": map[string]any{
					"event_name": certificate.BuildTrigger, "runner_environment": certificate.RunnerEnvironment,
					"repository_id": certificate.SourceRepositoryIdentifier, "repository_owner_id": certificate.SourceRepositoryOwnerIdentifier,
				}},
				"resolvedDependencies": []any{map[string]any{
					"uri":    "git+" + certificate.SourceRepositoryURI + "@" + certificate.SourceRepositoryRef,
					"digest": map[string]any{"gitCommit": certificate.SourceRepositoryDigest},
				}},
			},
			"runDetails": map[string]any{
				"builder":  map[string]any{"id": certificate.BuildSignerURI},
				"metadata": map[string]any{"invocationId": certificate.RunInvocationURI},
			},
		}
		if diff := cmp.Diff(want, got.Predicate); diff != "" || got.PredicateType != provenancePredicateType {
			t.Errorf("%s: a %s, predicate (-certificate +statement):\n%s", log, got.PredicateType, diff)
		}
	}
}
