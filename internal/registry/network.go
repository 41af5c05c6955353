package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"seal-image/internal/problem"
	httpstack "seal-image/internal/transport"
)

// notFollowed explains where the registry has sent us and we did not go.
func notFollowed(err error, refused *httpstack.RefusedError, repo name.Repository) error {
	return &problem.Problem{
		Code: problem.RegistryUnreachable,
		What: fmt.Sprintf("%s sends us to %s, and nothing was sent there.", repo.RegistryStr(), refused.Host),
		Why:  "For a redirect, an upload or a token: " + refused.Why + ".",
		Fix:  "If the registry is yours, have it serve layers and tokens itself, or under names that lead to public addresses by https. Else tell who runs it.",
		Err:  err,
	}
}

// noRegistry explains a host that does not speak the registry's protocol at all.
func noRegistry(err error, repo name.Repository) error {
	return &problem.Problem{
		Code: problem.RegistryUnreachable,
		What: fmt.Sprintf("%s is not a container registry.", repo.RegistryStr()),
		Why:  "To the question whether it is one, " + cause(err) + ".",
		Fix:  "Check the host name in `image`: it is ghcr.io and not github.com, for example.",
		Err:  err,
	}
}

// explainHandshake is explain for the first request and the login that the answer asks for. What
// goes wrong there beside the connection is that the registry asks for a login in a way that the
// library refuses; it has no types for that.
func (c *Client) explainHandshake(err error, repo name.Repository) error {
	explained := c.explain(err, repo)
	_, known := errors.AsType[*problem.Problem](explained)
	words, why := err.Error(), ""
	switch {
	case strings.Contains(words, "no token in bearer response"): // which the library quotes
		err = errors.New("the answer of its token server has no token")
	case strings.Contains(words, "refusing token-server redirect"): // to an address that may be signed
		_, reason, _ := strings.Cut(words, `": realm `)
		err = errors.New("its token server redirects: realm " + reason)
		why = " Nothing was sent there."
	case strings.Contains(words, "invalid realm in www-authenticate"):
		why = " Nothing was sent there."
	case known, ended(err):
		return explained
	}
	return &problem.Problem{
		Code: problem.RegistryUnreachable,
		What: fmt.Sprintf("%s asks for a login that gets us no token.", repo.RegistryStr()),
		Why:  "It says where to get one, and what came of that: " + err.Error() + "." + why,
		Fix:  "If the registry is yours, have it hand out tokens under its own name, or under one that leads to a public address by https. Else tell who runs it.",
		Err:  err,
	}
}

// ended reports whether the run, or a step of it, was stopped or has taken too long. That a dial
// has is net's own limit, of which net says the same.
func ended(err error) bool {
	_, unanswered := errors.AsType[*httpstack.UnansweredError](err)
	dial, isNetwork := errors.AsType[*net.OpError](err)
	late := errors.Is(err, context.DeadlineExceeded) && (!isNetwork || !dial.Timeout())
	return unanswered || late || errors.Is(err, context.Canceled)
}

// unreachable explains failures below HTTP. What did not fail there passes unchanged, and so does
// the end of a context.
func unreachable(err error, repo name.Repository) error {
	if ended(err) {
		return err
	}
	p := &problem.Problem{
		Code: problem.RegistryUnreachable,
		What: fmt.Sprintf("No connection to %s.", repo.RegistryStr()),
		Err:  err,
	}
	host, _, _ := strings.Cut(repo.RegistryStr(), ":")
	_, isRequest := errors.AsType[*url.Error](err)
	network, isNetwork := errors.AsType[*net.OpError](err)
	isDial := isNetwork && network.Op == "dial"
	p.Why, p.Fix = httpstack.Blocked(err)
	switch {
	case p.Why != "":
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		p.Why = "It speaks plain http, and https is expected."
		p.Fix = "If that is what you want, as for a service container, write below `with:`\n  allow-http-registry: true"
	case isDial && (host == "localhost" || host == "127.0.0.1"):
		p.Why = "A container action runs in a container: localhost is that container and not the runner."
		p.Fix = "Run the registry as a service container and use its name:\n  image: registry:5000/" + repo.RepositoryStr() + ":tag\n  allow-http-registry: true"
	case isDial:
		p.Why = "The name does not resolve from the runner, or nothing answers there."
		p.Fix = "Check the host name in `image`, and the firewall or proxy of a self-hosted runner."
	case isNetwork, isRequest, errors.Is(err, io.ErrUnexpectedEOF):
		p.Why = "It was made, and broke off again and again."
		p.Fix = "Run the job again; if it lasts, look at the status page of the registry and at the network of a self-hosted runner."
	default:
		return err
	}
	return p
}

// errOtherContent is content whose digest or size is not the one that was asked for.
var errOtherContent = errors.New("other content than the digest stands for")

// isOtherContent recognises errOtherContent, and the same of the library, which has no type for it.
func isOtherContent(err error) bool {
	if errors.Is(err, errOtherContent) {
		return true
	}
	for _, words := range []string{"does not match requested digest", "does not match expected size", "error verifying"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// otherContent explains that what was asked for is not what came.
func otherContent(err error, repo name.Repository, asked string) error {
	return &problem.Problem{
		Code: problem.DigestMismatch,
		What: fmt.Sprintf("%s serves other content than the digest stands for.", repo.RegistryStr()),
		Why:  fmt.Sprintf("It was asked for %s, and what came has another digest or size.", asked),
		Fix:  "Check what stands between the runner and the registry, such as a caching proxy, and run the job again. Do not use the image before you know.",
		Err:  err,
	}
}
