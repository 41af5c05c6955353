//go:build matrix

package matrix_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/golden"
	"seal-image/internal/harness"
	"seal-image/internal/suite"
)

const spdxPredicateType = "https://spdx.dev/Document"

// services are the servers that the action is told of, and the lines that the shape of its
// bundle then has (+) and lacks (-) against that of actions/attest, with the reason.
var services = []struct {
	name        string
	inputs      func(*harness.Job) map[string]string
	differences map[string]string
}{
	{
		name:   "signing-config",
		inputs: func(*harness.Job) map[string]string { return nil },
		differences: map[string]string{
			"+ verificationMaterial.timestampVerificationData.rfc3161Timestamps array":                    authority,
			"+ verificationMaterial.timestampVerificationData.rfc3161Timestamps[] object":                 authority,
			"+ verificationMaterial.timestampVerificationData.rfc3161Timestamps[].signedTimestamp string": authority,
		},
	},
	{
		name: "urls",
		inputs: func(job *harness.Job) map[string]string {
			return map[string]string{"fulcio-url": job.FulcioURL, "rekor-url": job.RekorURL}
		},
		differences: map[string]string{
			"- verificationMaterial.timestampVerificationData object": "actions/attest writes an empty object, which means the same as none",
		},
	},
}

const authority = "the signing config names a timestamp authority; actions/attest asks one only where it asks no log"

// attestBench has the action and actions/attest, in one job.
type attestBench struct {
	*bench
	client *attestClient
}

func newAttestBench(t *testing.T) *attestBench {
	t.Helper()
	b := &attestBench{bench: &bench{dir: suite.OpenDir(t), images: map[string]testImage{}, cosigns: map[string]*cosign{}}}
	b.tools = suite.Must(harness.Build(t.Context(), root, true))(t)
	b.action = suite.Must(harness.BuildAction(t.Context(), root))(t)
	b.job = suite.Start(t, b.tools).First
	b.images["single"] = suite.Must(readImage(b.tools.Images, "single"))(t)
	b.cosigns["3.1.3"] = suite.Must(newCosign(t.Context(), b.tools.Cosign, filepath.Join(b.dir, "cosign"), b.job))(t)
	b.client = newAttestClient(t, b.tools.Dir, b.job)
	// The proof of a log's first entry has no hashes, so the first is none that is looked at.
	b.client.attest(t, publicGood, claim{name: "first", digest: b.images["single"].Digest, predicateType: spdxPredicateType, predicate: []byte("{}")})
	return b
}

// sealSBOM has the action attest the SBOM of the test image in a repository, and returns
// what it claims and the bundle.
func (b *attestBench) sealSBOM(t *testing.T, repository string, inputs map[string]string) (about claim, bundle []byte) {
	t.Helper()
	all := map[string]string{"signature-format": "bundle"}
	maps.Copy(all, inputs)
	runner := suite.Must(b.seal(t.Context(), "single", repository, all))(t)
	read := func(name string) []byte {
		return suite.Must(os.ReadFile(filepath.Join(runner.Workspace, ".seal-image", name)))(t)
	}
	about = claim{name: repository, digest: b.images["single"].Digest, predicateType: spdxPredicateType, predicate: read("linux-amd64.spdx.json")}
	return about, read("linux-amd64.spdx.sigstore.json")
}

// TestActionsAttest compares the action with actions/attest, of GitHub.
func TestActionsAttest(t *testing.T) {
	b := newAttestBench(t)
	t.Run("shape", b.testShape)
	t.Run("referrer", b.testReferrer)
	t.Run("verify", b.testVerify)
	t.Run("provenance", b.testProvenance)
}

// testShape has both make the same statement, and bundles of the same shape but for the
// listed differences.
func (b *attestBench) testShape(t *testing.T) {
	for _, s := range services {
		about, sealed := b.sealSBOM(t, b.job.Registry+"/acme/"+s.name, s.inputs(b.job))
		public := b.client.attest(t, publicGood, about)
		want, got := suite.Must(shapeOf(public))(t), suite.Must(shapeOf(sealed))(t)
		golden.Compare(t, "attest-shape.txt", strings.Join(want, "\n")+"\n")
		if diff := cmp.Diff(slices.Sorted(maps.Keys(s.differences)), compare(want, got)); diff != "" {
			t.Errorf("%s: other differences than the listed ones (-listed +found):\n%s", s.name, diff)
		}
		if diff := cmp.Diff(statement(t, public), statement(t, sealed)); diff != "" {
			t.Errorf("%s: the statements differ (-actions/attest +action):\n%s", s.name, diff)
		}
	}
}

// compare lists, sorted, the lines that are only in got (+) and only in want (-).
func compare(want, got []string) []string {
	var lines []string
	for _, line := range got {
		if !slices.Contains(want, line) {
			lines = append(lines, "+ "+line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			lines = append(lines, "- "+line)
		}
	}
	slices.Sort(lines)
	return lines
}

// statement is what a bundle is about, with the whole predicate.
func statement(t *testing.T, bundle []byte) map[string]any {
	t.Helper()
	var statement map[string]any
	if err := json.Unmarshal(payload(t, bundle), &statement); err != nil {
		t.Fatal(err)
	}
	return statement
}

// payload is what was signed in a bundle, byte for byte.
func payload(t *testing.T, bundle []byte) []byte {
	t.Helper()
	var content struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &content); err != nil {
		t.Fatal(err)
	}
	return content.Envelope.Payload
}

// testReferrer has cosign read what actions/attest stores in a registry, which shows that
// storeReferrer does it right.
func (b *attestBench) testReferrer(t *testing.T) {
	about, _ := b.sealSBOM(t, b.job.Registry+"/acme/sealed", nil)
	for _, host := range []string{b.job.Registry, b.job.RegistryNoReferrers} {
		for from, flags := range map[instance][]string{
			publicGood: nil,
			github:     {"--insecure-ignore-tlog"}, // it has a timestamp instead
		} {
			about.name = host + "/acme/" + string(from)
			if err := b.push(t.Context(), "single", about.name); err != nil {
				t.Fatal(err)
			}
			ref := suite.Must(name.NewDigest(about.name + "@" + about.digest))(t)
			storeReferrer(t, ref, b.client.attest(t, from, about), about.predicateType)
			b.verifyAttestation(t, ref, flags)
		}
	}
}

// verifyAttestation wants cosign to accept an SBOM, by both names of its type, and to
// refuse it as that of a stranger.
func (b *attestBench) verifyAttestation(t *testing.T, ref name.Digest, flags []string) {
	t.Helper()
	verify := func(predicateType, identity string) (stdout, stderr []byte, err error) {
		args := append([]string{
			"verify-attestation", "--type", predicateType, "--certificate-identity", identity,
			"--certificate-oidc-issuer", b.job.Issuer,
		}, flags...)
		return b.cosigns["3.1.3"].run(t.Context(), append(args, ref.String())...)
	}
	for _, predicateType := range []string{"spdxjson", spdxPredicateType} {
		stdout, stderr, err := verify(predicateType, signer)
		if err == nil {
			err = checkDocument(stdout, ref.DigestStr())
		}
		if err != nil {
			t.Errorf("cosign on the %s of %s: %v\n%s", predicateType, ref, err, stderr)
		}
	}
	if _, stderr, err := verify("spdxjson", stranger); err == nil || unaccepted(stderr) != refused {
		t.Errorf("cosign does not refuse %s as a stranger's: %v\n%s", ref, err, stderr)
	}
}
