package sigstore_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seal-image/internal/attest"
	"seal-image/internal/sigstore"
)

// bundleCase is something that is signed, and whether a [sigstore.Verifier] accepts it.
// What is refused is refused for one reason: without fault, change, text, layer, root,
// expect and about, it is accepted.
type bundleCase struct {
	name   string
	signed func(*signing)                // differs from newSigning
	fault  func(*signing)                // is wrong with how it is signed
	change func(b, other map[string]any) // changes the bundle; other is signed in the same way
	text   func(string) string           // changes the JSON of the bundle
	layer  func(l, other *attest.Layer)
	root   func(*signing, *trusted) // changes the trust root
	expect func(*attest.Expectation)
	about  string // digit of the digest that is asked about; "a" if it is empty
	words  string // of the refusal; empty: accepted
}

// TestBundles is the table of what verifies and what does not.
func TestBundles(t *testing.T) {
	t.Parallel()
	accepted, refused := 0, 0
	names := map[string]bool{}
	for theme, cases := range map[string][]bundleCase{
		"form": formCases, "envelope": envelopeCases, "entry": entryCases, "entry 2": entry2Cases, "log": logCases,
		"certificate": certificateCases, "time": timeCases, "statement": statementCases, "simple signing": simpleSigningCases,
		"identity": identityCases, "trust root": rootCases,
	} {
		for _, c := range cases {
			name := theme + ": " + c.name
			if names[name] {
				t.Errorf("there are two cases %q", name)
			}
			names[name] = true
			if c.words == "" {
				accepted++
			} else {
				refused++
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	}
	t.Logf("%d bundles are accepted, %d refused", accepted, refused)
	if accepted < 60 || refused < 230 {
		t.Errorf("the table has %d bundles to accept and %d to refuse; cases are lost", accepted, refused)
	}
}

func (c bundleCase) run(t *testing.T) {
	s := newSigning(t)
	if c.signed != nil {
		c.signed(s)
	}
	if c.words != "" {
		if err := (bundleCase{}).verify(t, s, s.stored()); err != nil {
			t.Fatalf("it is refused as it was: %v", err)
		}
	}
	if c.fault != nil {
		c.fault(s)
	}
	stored := s.stored()
	switch {
	case c.change != nil:
		stored.Content = c.changed(t, stored.Content, s.stored().Content)
	case c.text != nil:
		stored.Content = []byte(c.text(string(stored.Content)))
	case c.layer != nil:
		other := s.stored().Layer
		c.layer(&stored.Layer, &other)
	}
	err := c.verify(t, s, stored)
	switch {
	case c.words == "" && err != nil:
		t.Errorf("it is refused: %v", err)
	case c.words != "" && err == nil:
		t.Error("it is accepted")
	case c.words != "" && !strings.Contains(err.Error(), c.words):
		t.Errorf("it is refused for another reason: %v", err)
	}
}

func (c bundleCase) changed(t *testing.T, encoded, other []byte) []byte {
	t.Helper()
	b := decode(encoded)
	c.change(b, decode(other))
	changed, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// verify asks a verifier that expects the identity of the tests, with the changes of c.
func (c bundleCase) verify(t *testing.T, s *signing, stored attest.Stored) error {
	t.Helper()
	trustRoot := s.home.trust(t, func(parts *trusted) {
		if c.root != nil {
			c.root(s, parts)
		}
	})
	e := attest.Expectation{SAN: identity.SAN, Issuer: identity.Issuer}
	if c.expect != nil {
		c.expect(&e)
	}
	v, err := sigstore.NewVerifier(sigstore.VerifierOptions{Instance: sigstore.Instance{TrustedRoot: file(trustRoot)}, Expected: e})
	if err != nil {
		return fmt.Errorf("verifier: %w", err)
	}
	if err := v.Load(t.Context()); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	digit := "a"
	if c.about != "" {
		digit = c.about
	}
	got, err := v.Verify(stored, about(t, digit))
	if err != nil {
		if got != nil {
			t.Error("what is refused is returned")
		}
		return err
	}
	s.checkRead(stored, got)
	return nil
}

// checkRead compares what a verifier returns with what was signed, and with what is stored.
func (s *signing) checkRead(stored attest.Stored, got *attest.Bundle) {
	s.t.Helper()
	var statement struct{ PredicateType string }
	if s.payloadType == attest.PayloadType {
		s.check(json.Unmarshal([]byte(s.payload), &statement))
	}
	want := &attest.Statement{About: got.Statement.About, PayloadType: s.payloadType, PredicateType: statement.PredicateType, Payload: []byte(s.payload)}
	if diff := cmp.Diff(want, got.Statement, cmpopts.IgnoreFields(attest.Statement{}, "About")); diff != "" {
		s.t.Errorf("statement (-want +got):\n%s", diff)
	}
	if stored.Form == attest.FormBundle && !bytes.Equal(got.JSON, stored.Content) {
		s.t.Error("the bundle is not the stored one")
	}
	if stored.Form != attest.FormBundle && !cmp.Equal(stored.Layer, got.Layer) {
		s.t.Error("the layer is not the stored one")
	}
	if got.Signer.Issuer != identity.Issuer || got.Signer.SAN == "" {
		s.t.Errorf("signed by %+v", got.Signer)
	}
}
