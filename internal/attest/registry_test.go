package attest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
)

// signed is a signature of this world: who signed what.
type signed struct {
	By, Digest                 string
	N                          int // of the log entry
	PayloadType, PredicateType string
	Payload                    []byte
	NoPromise                  bool      `json:",omitempty"` // logged in a way that old verifiers do not read
	At                         time.Time `json:",omitzero"`  // by the log
}

// bundle is the signature as the pipeline handles it.
func (s signed) bundle(st *attest.Statement) *attest.Bundle {
	encoded, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	b := &attest.Bundle{
		Statement: st, JSON: encoded, Signer: identity, Entry: attest.LogEntry{Index: int64(s.N), IntegratedTime: s.At},
		Layer: attest.Layer{Content: append([]byte("envelope "), encoded...)},
	}
	if st.IsSimpleSigning() {
		b.Layer = attest.Layer{Content: s.Payload, Signature: string(encoded)}
	}
	if s.NoPromise {
		b.Layer = attest.Layer{}
	}
	return b
}

var identity = attest.Identity{SAN: "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", Issuer: "https://token.actions.githubusercontent.com", Repository: "acme/app"}

// Check implements [attest.Signer].
func (w *world) Check(context.Context) (attest.Identity, error) {
	if err := w.call("check-identity"); err != nil {
		return attest.Identity{}, err
	}
	id := identity
	id.Run = w.job
	return id, nil
}

// Ready implements [attest.Signer].
func (w *world) Ready(context.Context) (attest.SignatureFormat, error) {
	return w.signsFor, w.call("check-services")
}

// Sign implements [attest.Signer].
func (w *world) Sign(_ context.Context, statements []*attest.Statement) ([]*attest.Bundle, error) {
	var what []string
	for _, st := range statements {
		what = append(what, short(st.About)+" "+kind(st))
	}
	err := w.call("sign %s", strings.Join(what, ", "))
	var out []*attest.Bundle
	for i, st := range statements {
		if err != nil && i == w.signs {
			break
		}
		out = append(out, signed{"us", st.About.Ref.DigestStr(), w.logged, st.PayloadType, st.PredicateType, st.Payload, w.noPromise, time.Time{}}.bundle(st))
		w.logged++
	}
	return out, err
}

// kind names a statement for calls.
func kind(st *attest.Statement) string {
	switch {
	case st.IsSimpleSigning():
		return "old-signature"
	case st.IsSignature():
		return "signature"
	case st.PredicateType == attest.SPDXPredicateType:
		return "spdx"
	case st.PredicateType == attest.CycloneDXPredicateType:
		return "cyclonedx"
	case st.IsProvenance():
		return "provenance"
	default:
		return st.PredicateType
	}
}

// Verify implements [attest.Verifier].
func (w *world) Verify(s attest.Stored, about attest.Manifest) (*attest.Bundle, error) {
	if err := w.call("verify %s of %s", s.Form, short(about)); err != nil {
		return nil, err
	}
	encoded := s.Content
	switch s.Form {
	case attest.FormSig:
		encoded = []byte(s.Layer.Signature)
	case attest.FormAtt:
		encoded = bytes.TrimPrefix(s.Layer.Content, []byte("envelope "))
	default:
	}
	var what signed
	if err := json.Unmarshal(encoded, &what); err != nil {
		return nil, err
	}
	switch err := fmt.Errorf("signed by %s for %s", what.By, what.Digest); {
	case what.Digest != about.Ref.DigestStr():
		return nil, err
	case what.By != "us":
		return nil, &attest.OtherSigner{Err: err}
	}
	st := &attest.Statement{About: about, PayloadType: what.PayloadType, PredicateType: what.PredicateType, Payload: what.Payload}
	b := what.bundle(st)
	if s.Form != attest.FormBundle {
		b.JSON = append([]byte("made of a layer: "), b.JSON...)
	}
	return b, nil
}

// stored is something in the registry of this world.
type stored struct {
	about name.Digest
	attest.Stored
}

// CheckPush implements [attest.Attacher].
func (w *world) CheckPush(_ context.Context, repo name.Repository) error {
	return w.call("check-push %s", repo)
}

// Find implements [attest.Finder].
func (w *world) Find(_ context.Context, m attest.Manifest, forms []attest.Form) ([]attest.Stored, error) {
	if err := w.call("find %s %v", short(m), forms); err != nil {
		return nil, err
	}
	var out []attest.Stored
	for _, form := range forms {
		for _, s := range w.store {
			if s.about == m.Ref && s.Form == form {
				out = append(out, s.Stored)
			}
		}
	}
	return out, nil
}

// Attach implements [attest.Attacher].
func (w *world) Attach(_ context.Context, repo name.Repository, planned []*attest.Attachment) error {
	var what []string
	for _, a := range planned {
		what = append(what, short(a.About)+" "+attachment(a))
	}
	err := w.call("attach %s: %s", repo, strings.Join(what, ", "))
	tags := w.fail["tags"]
	for i, a := range planned {
		if err != nil && i == w.stores {
			break
		}
		if tags == nil || !a.Form.IsTag() {
			w.attach(repo, a)
		}
	}
	if err == nil && slices.ContainsFunc(planned, func(a *attest.Attachment) bool { return a.Form.IsTag() }) {
		return tags
	}
	return err
}

// attachment names an attachment for calls.
func attachment(a *attest.Attachment) string {
	if a.Bundle == nil {
		return string(a.Document.Format) + " as " + string(a.Form)
	}
	return kind(a.Bundle.Statement) + " as " + string(a.Form)
}

func (w *world) attach(repo name.Repository, a *attest.Attachment) {
	s := attest.Stored{Form: a.Form}
	switch {
	case a.Bundle == nil:
		s.Content = a.Document.Bytes
	case a.Form == attest.FormBundle:
		s.Content = a.Bundle.JSON
	default:
		s.Layer = a.Bundle.Layer
	}
	a.State = attest.Existing
	if !slices.ContainsFunc(w.store, func(have stored) bool { return have.about == a.About.Ref && same(have.Stored, s) }) {
		a.State = attest.New
		s.Manifest = attest.Manifest{Ref: repo.Digest(fmt.Sprintf("sha256:%x", sum([]byte(a.Form), s.Content, s.Layer.Content, []byte(s.Layer.Signature)))), MediaType: types.OCIManifestSchema1}
		w.store = append(w.store, stored{a.About.Ref, s})
	}
	for _, have := range w.store {
		if have.about == a.About.Ref && same(have.Stored, s) {
			a.Manifest = have.Manifest
		}
	}
}

func sum(parts ...[]byte) [32]byte { return sha256.Sum256(bytes.Join(parts, nil)) }

// same ignores the manifest.
func same(a, b attest.Stored) bool {
	return a.Form == b.Form && bytes.Equal(a.Content, b.Content) &&
		bytes.Equal(a.Layer.Content, b.Layer.Content) && a.Layer.Signature == b.Layer.Signature
}

// ReadBack implements [attest.Attacher].
func (w *world) ReadBack(_ context.Context, repo name.Repository, attachments []*attest.Attachment) ([]attest.Stored, error) {
	if err := w.call("read-back %d of %s", len(attachments), repo); err != nil {
		return nil, err
	}
	out := make([]attest.Stored, len(attachments))
	for i, a := range attachments {
		for _, s := range w.store {
			if s.about == a.About.Ref && s.Form == a.Form && s.Manifest == a.Manifest {
				out[i] = s.Stored
			}
		}
		if out[i].Form == "" {
			return nil, errors.New("not found")
		}
		if w.served != nil {
			out[i] = w.served(out[i])
		}
	}
	return out, nil
}

// forget takes things out of the registry.
func (w *world) forget(form attest.Form) {
	w.store = slices.DeleteFunc(w.store, func(s stored) bool { return s.Form == form })
}

// refused is what a registry with immutable tags says.
func refused() error {
	return &problem.Problem{
		Code: problem.TagsRefused, What: "The registry refuses the tag.", Why: "It answered 403.",
		Fix: "Exempt it, or\n  signature-format: bundle", Err: errors.New("403"),
	}
}
