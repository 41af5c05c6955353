package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"seal-image/internal/secret"
	"seal-image/internal/transport"
)

const (
	publicAPI    = "https://api.github.com"
	apiVersion   = "2022-11-28"
	apiMediaType = "application/vnd.github+json"

	maxPages        = 100      // GitHub lists 10,000 things at most
	maxAPIBytes     = 64 << 20 // of an answer: a page of releases has their notes and assets
	maxRefusalBytes = 64 << 10 // of a refusal
	maxWords        = 300      // bytes of what a refusal says
)

var (
	errAPIAnswer = errors.New("GitHub's API gave an answer that makes no sense")

	// ErrLacking is in the chain of a problem if the server does not have what was asked for.
	ErrLacking = errors.New("the server lacks this API")
)

// APIOptions of [NewAPI].
type APIOptions struct {
	URL        string // GITHUB_API_URL, without trailing slash
	Token      secret.String
	Repository string // whose workflow runs, as owner/name
	Transport  http.RoundTripper
}

// API is GitHub's REST API for the repository of the run.
// Source: https://docs.github.com/rest?apiVersion=2022-11-28
type API struct{ options APIOptions }

// NewAPI makes no request.
func NewAPI(o APIOptions) *API { return &API{options: o} }

// An apiRequest is one to the API, or to another host of the server.
type apiRequest struct {
	method, url string
	mediaType   string // of content
	content     []byte // nil: none
}

// of is the URL of something in the repository.
func (a *API) of(path string) string { return a.options.URL + "/repos/" + a.options.Repository + path }

// get decodes what is at a path of the repository.
func (a *API) get(ctx context.Context, path string, into any) error {
	_, err := a.send(ctx, apiRequest{method: http.MethodGet, url: a.of(path)}, into)
	return err
}

// list reads a list of the repository page by page, until found is true for an item.
// Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func list[T any](ctx context.Context, a *API, path string, found func(T) bool) error {
	for page := 1; page <= maxPages; page++ {
		var items []T
		header, err := a.send(ctx, apiRequest{method: http.MethodGet, url: a.of(fmt.Sprintf("%s?per_page=100&page=%d", path, page))}, &items)
		if err != nil {
			return err
		}
		// The links are not followed: the token goes where we know of.
		if slices.ContainsFunc(items, found) || !strings.Contains(header.Get("Link"), `rel="next"`) {
			return nil
		}
	}
	return nil
}

// send decodes the answer, unless into is nil. A refusal is an [*apiError].
func (a *API) send(ctx context.Context, r apiRequest, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.content))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+a.options.Token.Reveal())
	req.Header.Set("Accept", apiMediaType)
	req.Header.Set("X-Github-Api-Version", apiVersion)
	if r.content != nil {
		req.Header.Set("Content-Type", r.mediaType)
	}
	// Without [http.Client], no redirect takes the token elsewhere.
	resp, err := a.options.Transport.RoundTrip(req)
	if failed, ok := errors.AsType[*transport.StatusError](err); ok {
		return nil, refusalOf(failed, failed.Message)
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, refusal(resp)
	}
	defer resp.Body.Close()
	if into == nil {
		return resp.Header, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAPIBytes)).Decode(into); err != nil {
		return nil, fmt.Errorf("%w: %w", errAPIAnswer, err)
	}
	return resp.Header, nil
}

// An apiError is the refusal of a request. The message of its status is GitHub's, in words.
type apiError struct {
	*transport.StatusError
	codes   []string // of what is invalid, e.g. "already_exists"
	limited bool     // too many requests
	foreign bool     // no words of GitHub's
}

func (e *apiError) Unwrap() error { return e.StatusError }

func (e *apiError) has(code string) bool { return slices.Contains(e.codes, code) }

// refusal reads resp's body and closes it.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBytes)) // one that breaks off leaves the status
	resp.Body = http.NoBody
	e := refusalOf(transport.NewStatusError(resp), string(text))
	if resp.StatusCode == http.StatusForbidden && (resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-Ratelimit-Remaining") == "0") {
		e.limited = true
	}
	return e
}

// refusalOf understands what a refusal says.
// Source: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
func refusalOf(failed *transport.StatusError, text string) *apiError {
	var said struct {
		Message       string            `json:"message"`
		Errors        []json.RawMessage `json:"errors"`
		Documentation string            `json:"documentation_url"`
	}
	shown := *failed
	e := &apiError{StatusError: &shown}
	if json.Unmarshal([]byte(text), &said) == nil && said.Message != "" {
		text = strings.TrimSuffix(said.Message, ".")
	}
	e.foreign = said.Documentation == ""
	for _, raw := range said.Errors {
		detail, code := invalid(raw)
		e.codes = append(e.codes, code)
		text += ", " + detail
	}
	e.limited = failed.Status == http.StatusTooManyRequests || strings.Contains(strings.ToLower(said.Message), "rate limit")
	text = transport.Unsigned(text)
	shown.Message = strings.ToValidUTF8(text[:min(len(text), maxWords)], "")
	return e
}

// invalid is one of the errors of a 422: an object, or a text.
func invalid(raw json.RawMessage) (detail, code string) {
	var object struct{ Code, Field, Message string }
	var text string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text, ""
	case json.Unmarshal(raw, &object) != nil:
		return string(raw), ""
	case object.Message != "":
		return object.Message, object.Code
	default:
		return object.Field + " " + object.Code, object.Code
	}
}

func isNotFound(err error) bool {
	failed, ok := errors.AsType[*apiError](err)
	return ok && failed.Status == http.StatusNotFound
}

// missing says what a 404 means: [ErrLacking], or that err is about this thing or this token.
func (a *API) missing(ctx context.Context, err error) error {
	var repository struct{}
	again := a.get(ctx, "", &repository)
	failed, refused := errors.AsType[*apiError](again)
	switch {
	case again == nil && a.options.URL == publicAPI:
		return err // which has all that is asked for, and hides what a token may not do
	case again == nil, isNotFound(again) && failed.foreign:
		return fmt.Errorf("%w: %w", ErrLacking, err)
	case isNotFound(again):
		return fmt.Errorf("%w: %w", errUnseen, err)
	case refused:
		return err
	default:
		return again
	}
}

// errUnseen is a repository that the token does not see.
var errUnseen = errors.New("the token does not see the repository")
