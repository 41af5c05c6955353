package sigstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	rekor "github.com/sigstore/rekor/pkg/generated/client"
	"github.com/sigstore/sigstore-go/pkg/sign"

	"seal-image/internal/problem"
	"seal-image/internal/transport"
)

// rekorTimeout is for one entry with all retries. Without one the library takes 30 s; the
// run's context and the transport have the limits that count.
const rekorTimeout = time.Hour

// log returns the client of the transparency log.
func (s *services) log(ctx context.Context, rt http.RoundTripper) sign.Transparency {
	guard := serviceGuard(ctx, rt, rekorService)
	options := &sign.RekorOptions{BaseURL: s.rekor, Timeout: rekorTimeout, Version: s.version}
	if s.version == 1 {
		options.Client = rekorClient(s.rekor, guard)
	} else {
		options.ClientV2 = tiles{url: s.rekor, http: &http.Client{Transport: guard}, logs: s.root.RekorLogs()}
	}
	return checkedLog{sign.NewRekor(options)}
}

// rekorClient is the client of a log of version 1, on our transport and without the
// library's retries, which wait zero seconds and lose the status.
func rekorClient(log string, guard http.RoundTripper) sign.RekorClient {
	u, err := url.Parse(log)
	if err != nil {
		u = &url.URL{} // the URL was checked when it was read
	}
	client := httptransport.NewWithClient(u.Host, u.Path+rekor.DefaultBasePath, []string{u.Scheme}, &http.Client{Transport: guard})
	client.Debug = false // else DEBUG, a variable of the job, has it print all that the log answers
	return rekor.New(client, strfmt.Default).Entries
}

// checkedLog explains answers of the log that cannot be read. The library dereferences
// what they may lack: https://github.com/sigstore/rekor/blob/v1.5.4/pkg/tle/tle.go
type checkedLog struct{ sign.Transparency }

// GetTransparencyLogEntry implements [sign.Transparency].
func (l checkedLog) GetTransparencyLogEntry(ctx context.Context, certificate []byte, b *protobundle.Bundle) error {
	err := l.ask(ctx, certificate, b)
	if !isExplained(ctx, err) {
		return malformed(err)
	}
	return err
}

func (l checkedLog) ask(ctx context.Context, certificate []byte, b *protobundle.Bundle) (err error) {
	defer recovered(&err)
	return l.Transparency.GetTransparencyLogEntry(ctx, certificate, b)
}

func (s *services) timestampAuthorities(ctx context.Context, rt http.RoundTripper) []*sign.TimestampAuthority {
	guard := serviceGuard(ctx, rt, timestampService)
	out := make([]*sign.TimestampAuthority, len(s.timestamp))
	for i, u := range s.timestamp {
		out[i] = sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: u, Timeout: -1, Transport: guard})
	}
	return out
}

// service is how a Sigstore service is called in messages.
type service struct {
	short, name, fix      string // fix: what to do when it refuses
	unavailable, rejected problem.Code
}

var (
	fulcioService = service{
		short: "Fulcio", name: "Fulcio, the certificate authority,",
		unavailable: problem.FulcioUnavailable, rejected: problem.FulcioRejected,
		fix: "Check that this Sigstore trusts the OIDC issuer of your GitHub (the public one trusts github.com, not a GitHub Enterprise Server), that oidc-audience is the one it expects, and that the clock of a self-hosted runner is right.",
	}
	rekorService = service{
		short: "Rekor", name: "Rekor, the transparency log,",
		unavailable: problem.RekorUnavailable, rejected: problem.RekorRejected,
		fix: tooLargeFix + " Else open an issue with the section \"Details\" of this log.",
	}
	timestampService = service{
		short: "The timestamp authority", name: "The timestamp authority",
		unavailable: problem.TimestampUnavailable, rejected: problem.TimestampUnavailable,
		fix: "Check the timestamp authority in the signing config.",
	}
)

const tooLargeFix = "An SBOM of several megabytes is too large for the public log: leave files out with `sbom-files: none`, attach it unsigned with `attach-sbom: referrer`, or use a Rekor of your own."

// serviceGuard binds the requests of a library to ctx and turns their failures into
// problems, here, where the service and its words are known. 409 passes: the log says so
// of an entry that it has already, and the library fetches that. A redirect does not: the
// request may have a token in it.
func serviceGuard(ctx context.Context, rt http.RoundTripper, s service) http.RoundTripper {
	bound := transport.Bind(ctx, rt)
	return guard(func(req *http.Request) (*http.Response, error) {
		resp, err := bound.RoundTrip(req)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), errKeyEnds):
			return nil, s.down(req.URL.Host, fmt.Errorf("%w: %w", errKeyEnds, err))
		case err != nil && ctx.Err() != nil:
			return nil, transport.Ended(ctx, err)
		case err != nil:
			return nil, s.down(req.URL.Host, err)
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			return nil, s.refuses(redirect(resp))
		case resp.StatusCode >= 400 && resp.StatusCode != http.StatusConflict:
			return nil, s.refuses(transport.NewStatusError(resp))
		}
		return resp, nil
	})
}

// redirect is an answer that leads elsewhere, and says so itself seldom.
func redirect(resp *http.Response) *transport.StatusError {
	to := "another place"
	if u, err := resp.Location(); err == nil {
		to = u.Host
	}
	failed := transport.NewStatusError(resp)
	failed.Message = "it redirects to " + to + ", and redirects are not followed"
	return failed
}

type guard func(*http.Request) (*http.Response, error)

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) { return g(req) }

func (s service) down(host string, err error) error {
	why := "No connection to " + host + "."
	if errors.Is(err, errKeyEnds) {
		why = host + " gave no answer while there was time for one."
	}
	if serr, ok := errors.AsType[*transport.StatusError](err); ok {
		why = fmt.Sprintf("%s kept answering %d %s.", host, serr.Status, http.StatusText(serr.Status))
	}
	fix := "Run the job again when it is: https://status.sigstore.dev tells of the public instance."
	if blocked, advice := transport.Blocked(err); blocked != "" {
		why, fix = why+" "+blocked, advice
	}
	if mayPass(err) {
		err = &outage{s.short, err}
	}
	return &problem.Problem{
		Code: s.unavailable,
		What: s.name + " is not available.",
		Why:  why,
		Fix:  fix,
		Err:  err,
	}
}

func (s service) refuses(err *transport.StatusError) error {
	return &problem.Problem{
		Code: s.rejected,
		What: s.name + " refuses the request.",
		Why:  fmt.Sprintf("%s answered %d: %s", err.Host, err.Status, words(err)),
		Fix:  s.fix,
		Err:  err,
	}
}

// words are the message of the answer, which is JSON from all three services.
func words(err *transport.StatusError) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(err.Message), &answer) == nil && answer.Message != "" {
		return answer.Message
	}
	if err.Message == "" {
		return http.StatusText(err.Status)
	}
	return err.Message
}

func malformed(err error) error {
	return &problem.Problem{
		Code: problem.RekorRejected,
		What: "Rekor, the transparency log, gave an answer that makes no sense.",
		Why:  "The log entry in it is incomplete.",
		Fix:  "Run the job again. With a log of your own, check that rekor-url is a Rekor of version 1, or that the signing config has its version.",
		Err:  err,
	}
}

// unreadable explains an answer that is not what the service should give.
func unreadable(code problem.Code, service, input string, err error) error {
	return &problem.Problem{
		Code: code,
		What: service + " gave an answer that makes no sense.",
		Why:  "It is not of the form that this service answers in.",
		Fix:  "Run the job again. With a Sigstore of your own, check that " + input + " leads to that service and not to a proxy or a login page.",
		Err:  err,
	}
}

// isExplained reports whether an error needs no more words: it has advice, or the run has
// ended.
func isExplained(ctx context.Context, err error) bool {
	_, ok := errors.AsType[*problem.Problem](err)
	return ok || err == nil || ctx.Err() != nil
}
