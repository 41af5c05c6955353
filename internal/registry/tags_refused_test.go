package registry_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/attest"
)

// cosign reads 1000 layers, and no image that has more.
func TestTagIsFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layers int
		golden string
	}{
		"room for one": {layers: 999},
		"full":         {layers: 1000, golden: "tag-full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{memory(false)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				manySignatures(t, network, fallbackTag(m)+".sig", c.layers)
				before := get(t, network, fallbackTag(m)+".sig")
				a := tagged(m, "b3Vycw==")
				err := client(network).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{a})
				if c.golden == "" {
					if n := len(manifestOf(t, get(t, network, fallbackTag(m)+".sig")).Layers); err != nil || n != 1000 {
						t.Errorf("%d layers (%v), want 1000", n, err)
					}
					return
				}
				goldenProblem(t, c.golden, err)
				if diff := cmp.Diff(before, get(t, network, fallbackTag(m)+".sig")); diff != "" || a.State != attest.Planned {
					t.Errorf("the tag has changed (-want +got), or ours is %s:\n%s", a.State, diff)
				}
			})
		})
	}
}

// What is no image stays as it is, and the user learns it before anything is signed.
func TestTagIsTaken(t *testing.T) {
	t.Parallel()
	for suffix, a := range map[string]func(attest.Manifest) *attest.Attachment{
		".sig":  func(m attest.Manifest) *attest.Attachment { return tagged(m, "b3Vycw==") },
		".sbom": func(m attest.Manifest) *attest.Attachment { return document(m, attest.FormTag) },
	} {
		t.Run(suffix, func(t *testing.T) {
			t.Parallel()
			network := inProcess{memory(false)}
			m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
			push(t, network, repository+":"+fallbackTag(m)+suffix, index(entry(t, "linux/amd64")))
			before := get(t, network, fallbackTag(m)+suffix)

			ours := a(m)
			err := client(network).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{ours})
			goldenProblem(t, "tag-taken"+strings.ReplaceAll(suffix, ".", "-"), err)
			located(t, []*attest.Attachment{ours})
			if diff := cmp.Diff(before, get(t, network, fallbackTag(m)+suffix)); diff != "" {
				t.Errorf("the tag has changed (-want +got):\n%s", diff)
			}
			if ours.Form == attest.FormSig {
				_, err := client(network).Find(t.Context(), m, []attest.Form{attest.FormSig})
				goldenProblem(t, "tag-taken-sig", err)
			}
		})
	}
}

// immutable refuses to write a tag that exists, in the words of a registry.
func immutable(next http.Handler, status int, code, message string) http.Handler {
	return before(next, func(w http.ResponseWriter, req *http.Request) bool {
		_, tag, _ := strings.Cut(req.URL.Path, "/manifests/")
		if req.Method != http.MethodPut || tag == "" || strings.Contains(tag, ":") {
			return false
		}
		look := req.Clone(req.Context())
		look.Method, look.Body = http.MethodHead, http.NoBody
		if answer := (inProcess{next}).status(look); answer != http.StatusOK {
			return false
		}
		refuse(w, status, code, strings.ReplaceAll(message, "TAG", tag))
		return true
	})
}

// faults: F48
func TestImmutableTags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		golden        string
		status        int
		code, message string
		second        func(attest.Manifest) *attest.Attachment
	}{
		"ECR, .sig": {
			"tag-immutable-ecr", http.StatusBadRequest, "TAG_INVALID",
			"The image tag 'TAG' already exists in the 'acme/app' repository and cannot be overwritten because the tag is immutable.",
			func(m attest.Manifest) *attest.Attachment { return tagged(m, "c2Vjb25k") },
		},
		"Harbor, .sig": {
			"tag-immutable-harbor", http.StatusPreconditionFailed, "PRECONDITION",
			"Failed to process request due to 'acme/app:TAG' configured as immutable.",
			func(m attest.Manifest) *attest.Attachment { return tagged(m, "c2Vjb25k") },
		},
		"JFrog, .sig": {
			"tag-immutable-jfrog", http.StatusForbidden, "DENIED", "Not enough permissions to overwrite\nartifact.",
			func(m attest.Manifest) *attest.Attachment { return tagged(m, "c2Vjb25k") },
		},
		"ECR, .sbom": {
			"tag-immutable-sbom", http.StatusBadRequest, "TAG_INVALID", "The image tag 'TAG' already exists.",
			func(m attest.Manifest) *attest.Attachment {
				a := document(m, attest.FormTag)
				a.Document.Bytes = []byte(`{"name":"second"}`)
				return a
			},
		},
		"ECR, fallback tag": {
			"index-immutable", http.StatusBadRequest, "TAG_INVALID", "The image tag 'TAG' already exists.",
			func(m attest.Manifest) *attest.Attachment {
				a := signature(m)
				a.Bundle.JSON = []byte(`{"bundle":"second"}`)
				return a
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := inProcess{immutable(memory(false), c.status, c.code, c.message)}
				m := push(t, network, repository+":v1", image(t, "linux/amd64", "x"))
				attach(t, network, everyForm(m)...)
				second := c.second(m)
				err := client(network).Attach(t.Context(), m.Ref.Context(), []*attest.Attachment{second})
				goldenProblem(t, c.golden, err)
				if second.State != attest.Planned {
					t.Errorf("it is %s", second.State)
				}
				located(t, []*attest.Attachment{second})
			})
		})
	}
}
