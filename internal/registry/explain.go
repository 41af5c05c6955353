package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"seal-image/internal/attest"
	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// explain gives a failure of the registry its advice. What it does not know, and what has
// advice already, passes unchanged.
func (c *Client) explain(err error, repo name.Repository) error {
	if _, ok := errors.AsType[*problem.Problem](err); ok {
		return err
	}
	if terr, ok := errors.AsType[*transport.Error](err); ok {
		switch {
		case terr.StatusCode == http.StatusUnauthorized:
			return c.noLogin(err, repo)
		case terr.StatusCode == http.StatusForbidden:
			return c.denied(err, repo)
		case terr.Request != nil && terr.Request.URL.Path == "/v2/":
			return noRegistry(err, repo)
		}
		return err
	}
	if serr, ok := errors.AsType[*httpstack.StatusError](err); ok {
		return &problem.Problem{
			Code: problem.RegistryUnavailable,
			What: fmt.Sprintf("%s is not able to serve.", serr.Host),
			Why:  fmt.Sprintf("It kept answering %d %s.", serr.Status, http.StatusText(serr.Status)),
			Fix:  "Run the job again; if it lasts, look at the status page of the registry.",
			Err:  err,
		}
	}
	if refused, ok := errors.AsType[*httpstack.RefusedError](err); ok {
		return notFollowed(err, refused, repo)
	}
	return unreachable(err, repo)
}

// explainReadBack is explain for reading what was stored: by then it is public, and every
// failure that is not one of rights says so.
func (c *Client) explainReadBack(err error, about attest.Manifest) error {
	repo := about.Ref.Context()
	if p, ok := errors.AsType[*problem.Problem](c.explain(err, repo)); ok && p.Code.Exit() != problem.RegistryUnavailable.Exit() {
		return p
	}
	return &problem.Problem{
		Code: problem.ReadBackMissing,
		What: fmt.Sprintf("%s does not serve what it has stored.", repo.RegistryStr()),
		Why:  fmt.Sprintf("What belongs to %s was accepted, but cannot be read back: %s.", about.Ref, cause(err)),
		Fix:  "Run the job again. If it lasts, look at the status page of the registry.",
		Err:  err,
	}
}

// explainImage is explain for reading an image: there, 404 has a meaning of its own.
func (c *Client) explainImage(err error, ref name.Reference) error {
	if terr, ok := errors.AsType[*transport.Error](err); ok && terr.StatusCode == http.StatusNotFound {
		return &problem.Problem{
			Code: problem.ImageNotFound,
			What: fmt.Sprintf("There is no image %s.", ref),
			Why:  fmt.Sprintf("%s answered 404 for it.", ref.Context().RegistryStr()),
			Fix:  c.howToPush(),
			Err:  err,
		}
	}
	if isOtherContent(err) {
		return otherContent(err, ref.Context(), ref.String())
	}
	if terr, ok := errors.AsType[*transport.Error](err); ok && terr.StatusCode == http.StatusForbidden && !c.login(ref.Context().Registry).empty() && !c.options.ReadOnly {
		who := c.who(ref.Context())
		p := c.denied(err, ref.Context())
		p.What = fmt.Sprintf("%s may not read %s.", who, ref.Context())
		p.Why = "The login is right, but lacks access to this repository."
		p.Fix = "Give " + who + " the right to pull from it and to push to it: signatures are stored next to the image."
		return p
	}
	return c.explain(err, ref.Context())
}

// explainPush is explain for the check of the right to push: who is logged in and is
// refused all the same has credentials that lack the right.
func (c *Client) explainPush(ctx context.Context, s *session, err error) error {
	terr, ok := errors.AsType[*transport.Error](err)
	if ok && terr.StatusCode == http.StatusUnauthorized && !c.login(s.repo.Registry).empty() && s.loggedIn(ctx) {
		return c.denied(err, s.repo)
	}
	if ok && terr.StatusCode == http.StatusNotFound {
		return noRepository(err, s.repo)
	}
	return c.explain(err, s.repo)
}

// noRepository explains registries that do not make a repository by the first push.
func noRepository(err error, repo name.Repository) error {
	return &problem.Problem{
		Code: problem.ImageNotFound,
		What: fmt.Sprintf("There is no repository %s.", repo),
		Why:  fmt.Sprintf("%s answered 404 to the start of an upload.", repo.RegistryStr()),
		Fix:  "Check the name in `image`, and push the image in a step before this one: signatures are stored next to it.",
		Err:  err,
	}
}

// explainFind is explainImage for what is stored next to an image; nothing is signed then.
func (c *Client) explainFind(err error, m attest.Manifest) error {
	if isOtherContent(err) {
		return otherContent(err, m.Ref.Context(), "what is stored next to "+m.Ref.String())
	}
	explained := c.explainImage(err, m.Ref)
	if _, ok := errors.AsType[*problem.Problem](explained); ok || ended(err) {
		return explained
	}
	return &problem.Problem{
		Code: problem.RegistryUnavailable,
		What: fmt.Sprintf("%s does not tell what is stored next to the image.", m.Ref.Context().RegistryStr()),
		Why:  fmt.Sprintf("It was asked for the signatures of %s, and that failed: %s.", m.Ref, cause(err)),
		Fix:  "Run the job again; if it lasts, look at the status page of the registry.",
		Err:  err,
	}
}

// explainAttach is explain for writes; every failure there is an attach-failed at least.
func (c *Client) explainAttach(err error, m attest.Manifest) error {
	explained := c.explain(err, m.Ref.Context())
	if p, ok := errors.AsType[*problem.Problem](explained); ok && p.Code.Exit() != problem.RegistryUnavailable.Exit() {
		return explained
	}
	return &problem.Problem{
		Code: problem.AttachFailed,
		What: fmt.Sprintf("The signature could not be stored next to %s.", m.Ref),
		Why:  "It was made and logged, but the registry did not take it: " + cause(err) + ".",
		Fix:  "Run the job again: it signs and attaches anew. The log entry that stays behind does no harm.",
		Err:  err,
	}
}

// cause shortens an error of the registry to what the reader needs.
func cause(err error) string {
	if serr, ok := errors.AsType[*httpstack.StatusError](err); ok {
		return fmt.Sprintf("it answered %d %s", serr.Status, http.StatusText(serr.Status))
	}
	if terr, ok := errors.AsType[*transport.Error](err); ok {
		return fmt.Sprintf("it answered %d %s", terr.StatusCode, http.StatusText(terr.StatusCode))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if ended(err) {
			return failed.Err.Error()
		}
		return "the connection failed"
	}
	return err.Error()
}

// words are the registry's own, on one line.
func words(err error) string {
	terr, ok := errors.AsType[*transport.Error](err)
	if !ok || len(terr.Errors) == 0 {
		return "it does not say why"
	}
	return strings.TrimRight(strings.Join(strings.Fields(terr.Errors[0].String()), " "), ".")
}

// who names the account that is logged in.
func (c *Client) who(repo name.Repository) string {
	if user := c.login(repo.Registry).Username; user != "" {
		return user
	}
	return "the account of docker-config"
}

func (c *Client) noLogin(err error, repo name.Repository) *problem.Problem {
	p := &problem.Problem{
		Code: problem.RegistryLogin,
		What: fmt.Sprintf("%s does not know who we are.", repo.RegistryStr()),
		Why:  "No credentials were given. A docker login made earlier in the job is not visible inside a container action.",
		Fix:  "Write below `with:` of the step\n  registry-username: ${{ vars.REGISTRY_USERNAME }}\n  registry-password: ${{ secrets.REGISTRY_PASSWORD }}",
		Err:  err,
	}
	switch login := c.login(repo.Registry); {
	case login.empty():
	case login.Username == "":
		p.What = fmt.Sprintf("%s refuses the login of %s.", repo.RegistryStr(), c.who(repo))
		p.Why = "Its identity token has expired, was withdrawn, or is not of this registry."
		p.Fix = "Log in anew in a step before this one, and hand over the config.json that it writes: docker-config."
	default:
		p.What = fmt.Sprintf("%s refuses the login of %s.", repo.RegistryStr(), c.who(repo))
		p.Why = "The user name or the password is wrong, or the password has expired."
		p.Fix = "Set the secret behind registry-password anew. For ghcr.io leave both inputs out: the job's own token is used."
	}
	return p
}

func (c *Client) denied(err error, repo name.Repository) *problem.Problem {
	if c.login(repo.Registry).empty() {
		return c.noLogin(err, repo)
	}
	who := c.who(repo)
	if c.options.ReadOnly {
		return mayNotRead(err, who, repo)
	}
	fix := "Give " + who + " the right to push to this repository."
	if repo.RegistryStr() == "ghcr.io" {
		fix = "Add to the job\n  permissions:\n    packages: write\nand, if the package was made elsewhere, add this repository in Package settings > Manage Actions access with the role Write."
	}
	return &problem.Problem{
		Code: problem.RegistryDenied,
		What: fmt.Sprintf("%s may not push to %s.", who, repo),
		Why:  "The login is right, but lacks write access to this repository. Signatures are stored next to the image.",
		Fix:  fix,
		Err:  err,
	}
}

func (c *Client) moved(ref name.Reference, expected, got v1.Hash) error {
	if c.options.ReadOnly {
		return otherImage(ref, expected, got)
	}
	return &problem.Problem{
		Code: problem.DigestMismatch,
		What: fmt.Sprintf("%s is not the image that was built.", ref),
		Why:  fmt.Sprintf("It is %s, and `digest` says %s: another push has moved the tag.", got, expected),
		Fix:  "Sign the digest and not the tag:\n  image: " + ref.Context().Name() + "\n  digest: " + expected.String(),
	}
}

func unsupported(m attest.Manifest, what string) error {
	return &problem.Problem{
		Code: problem.ImageUnsupported,
		What: fmt.Sprintf("%s is of a kind that cannot be sealed.", m.Ref),
		Why:  "It is " + what + ".",
		Fix:  "Push an OCI image, an OCI index or their Docker equivalents: docker/build-push-action and docker buildx do.",
	}
}
