package report_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"seal-image/internal/attest"
	"seal-image/internal/report"
)

// blocks are the contents of the fenced blocks of YAML.
func blocks(markdown string) (out []string) {
	for _, m := range regexp.MustCompile("(?ms)^```+yaml\n(.*?)\n```+$").FindAllStringSubmatch(markdown, -1) {
		out = append(out, m[1])
	}
	return out
}

// identities are accepted signers, which both policies have alike.
type identities []struct {
	Issuer        string `yaml:"issuer"`
	Subject       string `yaml:"subject"`
	SubjectRegExp string `yaml:"subjectRegExp"`
}

// accept reports whether the signer is accepted, as cosign compares for both.
func (ids identities) accept(id attest.Identity) bool {
	for _, i := range ids {
		if i.Issuer == id.Issuer && (i.Subject == id.SAN || i.SubjectRegExp != "" && regexp.MustCompile(i.SubjectRegExp).MatchString(id.SAN)) {
			return true
		}
	}
	return false
}

type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
}

// clusterImagePolicy has the fields of the custom resource that may be used here.
// Source: https://github.com/sigstore/policy-controller/blob/main/docs/api-types/index.md
type clusterImagePolicy struct {
	object `yaml:",inline"`

	Spec struct {
		Images      []struct{ Glob string } `yaml:"images"`
		Authorities []struct {
			Name    string `yaml:"name"`
			Keyless struct {
				URL          string     `yaml:"url"`
				TrustRootRef string     `yaml:"trustRootRef"`
				Identities   identities `yaml:"identities"`
			} `yaml:"keyless"`
			CTLog struct {
				URL          string `yaml:"url"`
				TrustRootRef string `yaml:"trustRootRef"`
			} `yaml:"ctlog"`
			SignatureFormat string `yaml:"signatureFormat"`
			Attestations    []struct {
				Name          string `yaml:"name"`
				PredicateType string `yaml:"predicateType"`
			} `yaml:"attestations"`
		} `yaml:"authorities"`
	} `yaml:"spec"`
}

// imageValidatingPolicy is the same for Kyverno.
// Source: https://github.com/kyverno/api/blob/main/config/crds/policies.kyverno.io_imagevalidatingpolicies.yaml
type imageValidatingPolicy struct {
	object `yaml:",inline"`

	Spec struct {
		ValidationActions    []string `yaml:"validationActions"`
		FailurePolicy        string   `yaml:"failurePolicy"`
		WebhookConfiguration struct {
			TimeoutSeconds int `yaml:"timeoutSeconds"`
		} `yaml:"webhookConfiguration"`
		MatchConstraints struct {
			ResourceRules []struct {
				APIGroups   []string `yaml:"apiGroups"`
				APIVersions []string `yaml:"apiVersions"`
				Operations  []string `yaml:"operations"`
				Resources   []string `yaml:"resources"`
			} `yaml:"resourceRules"`
		} `yaml:"matchConstraints"`
		MatchImageReferences []struct{ Glob string } `yaml:"matchImageReferences"`
		Attestors            []struct {
			Name   string `yaml:"name"`
			Cosign struct {
				Keyless struct {
					Identities identities `yaml:"identities"`
				} `yaml:"keyless"`
				CTLog struct {
					URL string `yaml:"url"`
				} `yaml:"ctlog"`
			} `yaml:"cosign"`
		} `yaml:"attestors"`
		Validations []struct {
			Message    string `yaml:"message"`
			Expression string `yaml:"expression"`
		} `yaml:"validations"`
	} `yaml:"spec"`
}

func decode(t *testing.T, content string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in\n%s", err, content)
	}
}

// objectName is what Kubernetes takes for a name. Source: RFC 1123, section 2.1
var objectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// TestPolicies: the two policies have fields that exist, and accept this signer and no other.
func TestPolicies(t *testing.T) {
	t.Parallel()
	const tagged = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2"
	bundles := one(t, in("quay.io/acme/a_b.c__"+strings.Repeat("d", 80), plain()), how{sign: attest.Bundles})
	for name, tt := range map[string]struct {
		res    *attest.Result
		accept []string // signers beside the one of the result
		refuse []string
	}{
		"branch":  {one(t, plain(), how{}), nil, []string{strings.Replace(identity.SAN, "main", "maint", 1), strings.Replace(identity.SAN, ".yml", "-yml", 1), "x" + identity.SAN, ""}},
		"bundles": {bundles, nil, []string{tagged}},
		"tag": {
			signedBy(one(t, plain(), how{}), tagged),
			[]string{strings.Replace(tagged, "v1.2", "v1.3", 1), strings.Replace(tagged, "v1.2", "release/2", 1)},
			[]string{strings.Replace(tagged, "github.com", "githubxcom", 1), "https://evil.dev/?" + tagged, tagged + "@x", identity.SAN, strings.TrimSuffix(tagged, "v1.2")},
		},
		"hub":     {one(t, in("index.docker.io/library/app", plain()), how{}), nil, []string{""}},
		"foreign": {signedBy(one(t, plain(), how{}), evil), nil, []string{evil[1:]}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := blocks(report.Summary(tt.res, job, nil))
			if len(found) != 3 {
				t.Fatalf("%d blocks of YAML", len(found))
			}
			var cluster clusterImagePolicy
			decode(t, found[1], &cluster)
			var kyverno imageValidatingPolicy
			decode(t, found[2], &kyverno)
			for _, o := range []object{cluster.object, kyverno.object} {
				if !objectName.MatchString(o.Metadata.Name) {
					t.Errorf("a %s of the name %s", o.Kind, o.Metadata.Name)
				}
			}
			signer := tt.res.Seals[0].Signature().Bundle.Signer
			for _, ids := range []identities{cluster.Spec.Authorities[0].Keyless.Identities, kyverno.Spec.Attestors[0].Cosign.Keyless.Identities} {
				for _, san := range append(tt.accept, signer.SAN) {
					if !ids.accept(attest.Identity{SAN: san, Issuer: signer.Issuer}) {
						t.Errorf("%+v refuses %s", ids, san)
					}
				}
				for _, san := range tt.refuse {
					if ids.accept(attest.Identity{SAN: san, Issuer: signer.Issuer}) {
						t.Errorf("%+v accepts %s", ids, san)
					}
				}
				if ids.accept(attest.Identity{SAN: signer.SAN, Issuer: "https://evil.dev"}) {
					t.Errorf("%+v accepts another issuer", ids)
				}
			}
			checkPlaces(t, tt.res, cluster, kyverno)
		})
	}
}

// checkPlaces: the policies look where the signature is, for images as pods name them.
func checkPlaces(t *testing.T, res *attest.Result, cluster clusterImagePolicy, kyverno imageValidatingPolicy) {
	t.Helper()
	repository := res.Seals[0].Subject.Ref.Context().Name()
	var globs []string
	for _, g := range cluster.Spec.Images {
		globs = append(globs, g.Glob)
	}
	if diff := cmp.Diff([]string{repository + ":**", repository + "@**"}, globs); diff != "" {
		t.Errorf("globs of the ClusterImagePolicy (-want +got):\n%s", diff)
	}
	globs = nil
	for _, g := range kyverno.Spec.MatchImageReferences {
		globs = append(globs, g.Glob)
	}
	names := []string{repository}
	if repository == "index.docker.io/library/app" {
		names = append(names, "docker.io/library/app", "library/app", "docker.io/app", "app")
	}
	for _, name := range names {
		for _, end := range []string{"", ":*", "@*"} {
			if !slices.Contains(globs, name+end) {
				t.Errorf("the ImageValidatingPolicy does not match %s%s: %q", name, end, globs)
			}
		}
	}
	authority := cluster.Spec.Authorities[0]
	tags := res.Seals[0].Attachments[len(res.Seals[0].Attachments)-1].Form == attest.FormSig
	if bundles := authority.SignatureFormat == "bundle"; bundles == tags || bundles && (len(authority.Attestations) != 1 || authority.Attestations[0].PredicateType != attest.SignaturePredicateType) {
		t.Errorf("the ClusterImagePolicy reads %+v", authority)
	}
}

// TestPolicyOfOwnSigstore: policy-controller is told where the keys are.
func TestPolicyOfOwnSigstore(t *testing.T) {
	t.Parallel()
	own := job
	own.OwnSigstore = true
	found := blocks(report.Summary(one(t, plain(), how{}), own, nil))
	if len(found) != 2 {
		t.Fatalf("%d blocks of YAML", len(found))
	}
	var cluster clusterImagePolicy
	decode(t, found[1], &cluster)
	if a := cluster.Spec.Authorities[0]; a.Keyless.TrustRootRef != "own-sigstore" || a.CTLog.TrustRootRef != "own-sigstore" || a.CTLog.URL != "" {
		t.Errorf("%+v", a)
	}
	if found := blocks(report.Summary(one(t, plain(), how{sign: attest.Bundles}), own, nil)); len(found) != 1 {
		t.Errorf("bundles alone have a policy: %q", found)
	}
}

// TestVerifyStep: the step of a deploying job has inputs that exist, with the values of this run.
func TestVerifyStep(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../verify/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Inputs map[string]any }
	if err := yaml.Unmarshal(content, &action); err != nil {
		t.Fatal(err)
	}
	res := one(t, plain(), how{})
	id := &res.Seals[0].Signature().Bundle.Signer
	id.Issuer = "https://ghe.acme.dev/_services/token"
	own := job
	own.OwnSigstore = true
	var steps []struct {
		Uses string
		With map[string]string
	}
	decode(t, blocks(report.Summary(res, own, nil))[0], &steps)
	want := map[string]string{
		"image": res.Seals[0].Subject.Ref.String(), "certificate-identity": id.SAN, "repository": id.Repository,
		"certificate-oidc-issuer": id.Issuer, "trusted-root": "trusted_root.json",
	}
	if diff := cmp.Diff(want, steps[0].With); diff != "" || steps[0].Uses != "acme/seal-image/verify@v1" {
		t.Errorf("uses %s, with (-want +got):\n%s", steps[0].Uses, diff)
	}
	for name := range steps[0].With {
		if action.Inputs[name] == nil {
			t.Errorf("the verify action has no input %s", name)
		}
	}
}
