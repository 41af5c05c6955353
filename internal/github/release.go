package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"seal-image/internal/attest"
)

// releaseLimit is the time for all assets of a run, retries included.
const releaseLimit = 10 * time.Minute

// A ReleaseRef is what the run knows of its release: the id, or the tag that it has or, as a
// draft, is going to have.
type ReleaseRef struct {
	ID  int64
	Tag string
}

// String names the release for people.
func (r ReleaseRef) String() string {
	if r.Tag == "" {
		return fmt.Sprintf("the release %d", r.ID)
	}
	return "the release of " + r.Tag
}

// release has what is used of a release.
// Source: https://docs.github.com/rest/releases/releases
type release struct {
	ID        int64  `json:"id"`
	Tag       string `json:"tag_name"`
	Immutable bool   `json:"immutable"` // published, and nothing changes any more
	UploadURL string `json:"upload_url"`
	HTMLURL   string `json:"html_url"`
}

var (
	errNoRelease = errors.New("there is no such release")
	errImmutable = errors.New("the release is immutable")
)

// A foreignHost is where uploads would go, scheme and host, that is none of the server's.
type foreignHost string

func (h foreignHost) Error() string { return string(h) + " is no host of the server" }

// AttachToRelease makes the files, by their names, assets of the release. One that has the
// content already is left alone; another of that name is replaced. Its errors are problems, but
// for the cause of ctx; what was attached before one is returned with it.
func (a *API) AttachToRelease(ctx context.Context, ref ReleaseRef, files map[string][]byte) (*attest.Release, error) {
	var done *attest.Release
	err := inTime(ctx, releaseLimit, func(ctx context.Context) (err error) {
		done, err = a.attach(ctx, ref, files)
		return err
	}, func(err error) error { return explainRelease(ref, err) })
	return done, err
}

func (a *API) attach(ctx context.Context, ref ReleaseRef, files map[string][]byte) (*attest.Release, error) {
	r, err := a.release(ctx, ref)
	if err != nil {
		return nil, err
	}
	to, err := a.uploadURL(r)
	if err != nil {
		return nil, err
	}
	present, err := a.assets(ctx, r)
	if err != nil {
		return nil, err
	}
	done := &attest.Release{Tag: r.Tag, URL: r.HTMLURL}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := file{release: r, to: to, name: name, content: files[name]}
		state, err := a.put(ctx, f, present[name])
		if err != nil {
			return done, fmt.Errorf("attach %s: %w", name, err)
		}
		done.Assets = append(done.Assets, attest.Asset{Name: name, State: state})
	}
	return done, nil
}

// release finds a release. One of a tag may be a draft, which only the list has, and only for
// those who may write.
func (a *API) release(ctx context.Context, ref ReleaseRef) (*release, error) {
	if ref.ID != 0 {
		var r release
		err := a.get(ctx, fmt.Sprintf("/releases/%d", ref.ID), &r)
		if isNotFound(err) {
			return nil, a.noRelease(ctx, err)
		}
		return &r, err
	}
	var r release
	err := a.get(ctx, "/releases/tags/"+url.PathEscape(ref.Tag), &r)
	if !isNotFound(err) {
		return &r, err
	}
	var draft *release
	if err := list(ctx, a, "/releases", func(r release) bool {
		if r.Tag == ref.Tag {
			draft = &r
		}
		return draft != nil
	}); err != nil {
		return nil, a.noRelease(ctx, err)
	}
	if draft == nil {
		return nil, fmt.Errorf("%w: %w", errNoRelease, err)
	}
	return draft, nil
}

// noRelease is err, unless there are no releases at all.
func (a *API) noRelease(ctx context.Context, err error) error {
	if !isNotFound(err) {
		return err
	}
	if again := a.get(ctx, "/releases?per_page=1", &[]release{}); again == nil {
		return fmt.Errorf("%w: %w", errNoRelease, err)
	}
	return a.missing(ctx, err)
}

// uploadURL is where the assets of a release go, with the token: a host of the server. GitHub
// has one beside that of the API.
func (a *API) uploadURL(r *release) (*url.URL, error) {
	template, _, _ := strings.Cut(r.UploadURL, "{") // {?name,label}
	u, err := url.Parse(template)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAPIAnswer, err)
	}
	api, err := url.Parse(a.options.URL)
	if err != nil {
		return nil, fmt.Errorf("parse GITHUB_API_URL: %w", err)
	}
	ours := []string{api.Host}
	if domain, ok := strings.CutPrefix(api.Host, "api."); ok {
		ours = append(ours, "uploads."+domain)
	}
	if u.Scheme != api.Scheme || u.User != nil || !slices.Contains(ours, u.Host) {
		return nil, foreignHost(u.Scheme + "://" + u.Host)
	}
	return u, nil
}
