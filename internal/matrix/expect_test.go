//go:build matrix

package matrix_test

import "slices"

// place is where a signature can be.
type place string

const (
	tags    place = "cosign's tags .sig and .att"
	bundles place = "bundles among the referrers"
)

// stored says where each value of signature-format puts signatures and attestations.
var stored = map[string][]place{
	"both":   {tags, bundles},
	"bundle": {bundles},
	"legacy": {tags},
}

var formats = []string{"both", "bundle", "legacy"}

// A verifier is a cosign with flags.
type verifier struct {
	name  string
	peer  string   // folder below internal/peers; empty for the one of harness
	flags []string // of verify and verify-attestation
	reads []place  // the first that has anything decides
	why   string
}

var verifiers = []verifier{
	{
		name: "2.4.3", peer: "cosign24", reads: []place{tags},
		why: "2.4 reads bundles of blobs alone; verify-attestation learned it with 2.5, verify with 2.6",
	},
	{
		name: "2.6.5", peer: "cosign26", reads: []place{bundles, tags},
		why: "from 2.6.3 it looks for bundles without being told to, and at the tags if there are none",
	},
	{
		name: "3.1.3", reads: []place{bundles, tags},
		why: "3 reads bundles, and the tags if there are none",
	},
	{
		name: "3.1.3 `--new-bundle-format=false`", flags: []string{"--new-bundle-format=false"}, reads: []place{tags},
		why: "the flag turns bundles off",
	},
}

var commands = []string{"verify", "verify-attestation"}

const (
	signer   = "https://github.com/acme/demo/.github/workflows/release.yml@refs/heads/main"
	stranger = "https://github.com/acme/other/.github/workflows/release.yml@refs/heads/main"
)

// The kinds of test image that are sealed, and the one that is not.
var sealed = []string{"single", "default", "multi"}

const unsigned = "empty"

// A row is a digest that verifiers are asked about, and the signer that they are told.
type row struct {
	name     string
	kind     string // of test image
	digest   func(testImage) string
	identity string
}

// Every digest has a signature and an SBOM: of the only image of an index, the index has
// the same document; an index of several images has one that lists them.
var rows = []row{
	{"an image", "single", whole, signer},
	{"an index of one image", "default", whole, signer},
	{"its image", "default", platform(0), signer},
	{"an index of two images", "multi", whole, signer},
	{"its linux/amd64", "multi", platform(0), signer},
	{"its linux/arm64", "multi", platform(1), signer},
	{"an image, of another signer", "single", whole, stranger},
	{"an image that was not sealed", unsigned, whole, signer},
}

func whole(image testImage) string { return image.Digest }

func platform(i int) func(testImage) string {
	return func(image testImage) string { return image.Images[i].Digest }
}

// An outcome is what a verifier says, as it stands in the table.
type outcome string

const (
	accepted outcome = "✓"
	refused  outcome = "✗" // there is a signature, of somebody else
	notFound outcome = "–"
	broken   outcome = "!" // never expected: another error, or an acceptance of something else
)

// A cell is one question to a verifier.
type cell struct {
	verifier verifier
	command  string
	row      row
	format   string
	registry registry
	got      outcome
	detail   string // what the verifier has printed
}

// expect is the whole theory: a verifier finds what is stored where it reads, whatever
// the registry, the kind of image and the command.
func expect(c *cell) outcome {
	switch {
	case c.row.kind == unsigned, c.place() == "":
		return notFound
	case c.row.identity != signer:
		return refused
	default:
		return accepted
	}
}

// place is where the verifier finds a signature, if there is one; empty: nowhere.
func (c *cell) place() place {
	for _, p := range c.verifier.reads {
		if slices.Contains(stored[c.format], p) {
			return p
		}
	}
	return ""
}
