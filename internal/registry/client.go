// Package registry talks to the registry of the image: it resolves a reference, copies
// images to disk, stores attachments next to them, as OCI 1.1 referrers and under cosign's tags,
// and reads them back. It verifies nothing.
//
// Reading goes through go-containerregistry. Writing a referrer is our own: the library
// rewrites the fallback index unconditionally, and fails after the manifest is stored.
//
// Specification: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package registry

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"seal-image/internal/attest"
	"seal-image/internal/secret"
	httpstack "seal-image/internal/transport"
)

var (
	_ attest.Resolver   = (*Client)(nil)
	_ attest.Downloader = (*Client)(nil)
	_ attest.Attacher   = (*Client)(nil)
	_ attest.Finder     = (*Client)(nil)
)

// Options of [New].
type Options struct {
	Logins    map[string]Login  // by host, as in [name.Registry.RegistryStr]; others are asked anonymously
	Transport http.RoundTripper // with retries and a guard of redirects
	ReadOnly  bool              // nothing is ever stored: no right to push is asked for
}

// Login is what one registry gets, and no other.
type Login struct {
	Username      string
	Password      secret.String
	IdentityToken secret.String // from a registry that has given one out before; Username may be empty
}

func (l Login) empty() bool { return l.Username == "" && l.IdentityToken.Empty() }

// Client talks to the registries of the images of one run.
type Client struct {
	options Options

	mu       sync.Mutex
	sessions map[string]*session
}

// New returns a Client. It makes no request.
func New(o Options) *Client {
	return &Client{options: o, sessions: map[string]*session{}}
}

// session is an authenticated connection to one repository, to read or to write. The
// handshake is made once; every later request of the run, the library's included, goes
// through it.
type session struct {
	repo name.Repository
	http *http.Client

	mu        sync.Mutex
	uploaded  map[string]bool                 // digests of blobs that this run has stored
	referrers *bool                           // whether the referrers API answers; nil: not asked yet
	lists     map[name.Digest][]v1.Descriptor // referrers of a digest, as they were listed last
	images    map[name.Digest]v1.Image        // of which manifest and config were read
}

// reader returns a session that may read repo: that which writes, where there is one.
func (c *Client) reader(ctx context.Context, repo name.Repository) (*session, error) {
	c.mu.Lock()
	s := c.sessions[sessionKey(repo, transport.PushScope)]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	return c.session(ctx, repo, transport.PullScope)
}

// writer returns the session that may read and write repo. Where there is no right to
// write, ghcr.io gives no token at all, so that reading must not depend on it.
func (c *Client) writer(ctx context.Context, repo name.Repository) (*session, error) {
	return c.session(ctx, repo, transport.PushScope)
}

// finder returns the session that looks for attachments. It is the one that writes, where
// there is one: it keeps the lists that were read.
func (c *Client) finder(ctx context.Context, repo name.Repository) (*session, error) {
	if c.options.ReadOnly {
		return c.reader(ctx, repo)
	}
	return c.writer(ctx, repo)
}

func (c *Client) session(ctx context.Context, repo name.Repository, actions string) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sessionKey(repo, actions)
	if s := c.sessions[key]; s != nil {
		return s, nil
	}
	base := unsteady{brief{httpstack.From(repo.Scheme(), repo.RegistryStr(), c.options.Transport)}}
	rt, err := transport.NewWithContext(ctx, repo.Registry, c.authenticator(repo.Registry), base, []string{repo.Scope(actions)})
	if err != nil {
		return nil, c.explainHandshake(err, repo)
	}
	s := &session{
		repo:     repo,
		http:     &http.Client{Transport: rt, CheckRedirect: sameHost},
		uploaded: map[string]bool{},
		lists:    map[name.Digest][]v1.Descriptor{},
		images:   map[name.Digest]v1.Image{},
	}
	c.sessions[key] = s
	return s, nil
}

func sessionKey(repo name.Repository, actions string) string {
	return repo.RegistryStr() + " " + repo.Scope(actions)
}

// maxAtOnce bounds the requests of one kind that are under way together.
const maxAtOnce = 8

// atOnce calls do for 0 to n-1, some at a time, and returns the first error in that order.
func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for i := range n {
		group.Go(func() error { errs[i] = do(i); return nil })
	}
	_ = group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// login is what the registry gets; the empty Login if it is asked anonymously.
func (c *Client) login(registry name.Registry) Login { return c.options.Logins[registry.RegistryStr()] }

func (c *Client) authenticator(registry name.Registry) authn.Authenticator {
	login := c.login(registry)
	if login.empty() {
		return authn.Anonymous
	}
	return credentials{login}
}

// credentials hands the password to the library in the moment that it is sent.
type credentials struct{ login Login }

func (c credentials) Authorization() (*authn.AuthConfig, error) {
	return &authn.AuthConfig{
		Username:      c.login.Username,
		Password:      c.login.Password.Reveal(),
		IdentityToken: c.login.IdentityToken.Reveal(),
	}, nil
}

// loggedIn reports whether the registry accepts the credentials as such. The handshake of
// a registry that takes a name and a password, and gives no token, does not look at them.
func (s *session) loggedIn(ctx context.Context) bool {
	base := url.URL{Scheme: s.repo.Scheme(), Host: s.repo.RegistryStr(), Path: "/v2/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String(), nil)
	if err != nil {
		return false
	}
	_, err = s.do(req, http.StatusOK)
	return err == nil
}

// sameHost follows redirects of writes and lists only within the registry. The library's
// transport keeps the scheme of the handshake.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 5 || req.URL.Host != via[0].URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// remote is how the library reads through the session.
func (s *session) remote(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(s.http.Transport)}
}

// url is an address below /v2/<repository>/.
func (s *session) url(path string) *url.URL {
	return &url.URL{
		Scheme: s.repo.Scheme(),
		Host:   s.repo.RegistryStr(),
		Path:   "/v2/" + s.repo.RepositoryStr() + "/" + path,
	}
}

// maxBytes bounds what is read of a manifest, a list of referrers or a bundle.
const maxBytes = 256 << 20

// mediaType is the Content-Type without its parameters.
func mediaType(header http.Header) types.MediaType {
	name, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return types.MediaType(name)
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	url    *url.URL
	body   []byte
}

// do sends req and reads the answer. A status that is not in accepted is an error of type
// [*transport.Error].
func (s *session) do(req *http.Request, accepted ...int) (*answer, error) {
	return s.ask(s.http, req, accepted...)
}

func (s *session) ask(client *http.Client, req *http.Request, accepted ...int) (*answer, error) {
	resp, err := client.Do(req)
	if uerr, ok := errors.AsType[*url.Error](err); ok {
		uerr.URL, _, _ = strings.Cut(uerr.URL, "?") // an upload's address may carry a signature
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, accepted...); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBytes {
		return nil, errors.New("the registry's answer is larger than 256 MiB")
	}
	return &answer{status: resp.StatusCode, header: resp.Header, url: resp.Request.URL, body: body}, nil
}
