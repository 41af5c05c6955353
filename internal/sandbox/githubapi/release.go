package githubapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const assetLimit = 64 << 20 // bytes; GitHub has 2 GiB

// A release has what the API says of one.
//
// https://docs.github.com/rest/releases/releases
type release struct {
	ID        int64    `json:"id"`
	Tag       string   `json:"tag_name"`
	Draft     bool     `json:"draft"`
	Immutable bool     `json:"immutable"`
	UploadURL string   `json:"upload_url"`
	HTMLURL   string   `json:"html_url"`
	Assets    []*asset `json:"assets"`
}

const uploaded = "uploaded"

// An asset is a file of a release.
//
// https://docs.github.com/rest/releases/assets
type asset struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	State       string `json:"state"` // uploaded, or "starter" where the upload broke off
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	Digest      string `json:"digest,omitempty"` // older servers have none

	content []byte
}

func (s *Service) routeReleases(mux *http.ServeMux) {
	const releases = "/repos/{owner}/{repo}/releases"
	s.route(mux, "GET "+releases, "contents", Read, s.listReleases)
	s.route(mux, "GET "+releases+"/{id}", "contents", Read, s.getRelease)
	s.route(mux, "GET "+releases+"/{id}/{part}", "contents", Read, s.getPart)
	s.route(mux, "DELETE "+releases+"/assets/{asset}", "contents", Write, s.deleteAsset)
	s.route(mux, "POST /uploads"+releases+"/{id}/assets", "contents", Write, s.uploadAsset)
}

// visible: drafts are there for those who may write.
func (s *Service) visible(r *release) bool { return !r.Draft || s.may("contents", Write) }

// shown is the release without what broken uploads have left, which only the list of its assets
// has: https://github.com/itchio/gothub/issues/1
func (r *release) shown() *release {
	shown := *r
	shown.Assets = slices.DeleteFunc(slices.Clone(r.Assets), func(a *asset) bool { return a.State != uploaded })
	return &shown
}

// listReleases has the newest first.
func (s *Service) listReleases(r *http.Request) (*answer, error) {
	var all []*release
	for _, found := range slices.Backward(s.releases) {
		if s.visible(found) {
			all = append(all, found.shown())
		}
	}
	return page(r, all), nil
}

func (s *Service) getRelease(r *http.Request) (*answer, error) {
	found, err := s.release(r)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: found.shown()}, nil
}

// getPart serves /tags/{tag} and /{id}/assets, which [http.ServeMux] does not tell apart.
func (s *Service) getPart(r *http.Request) (*answer, error) {
	switch {
	case r.PathValue("id") == "tags":
		return s.getReleaseByTag(r.PathValue("part"))
	case r.PathValue("part") == "assets":
		return s.listAssets(r)
	}
	return nil, errNotFound
}

// getReleaseByTag finds no draft: its tag is only what it is going to have.
func (s *Service) getReleaseByTag(tag string) (*answer, error) {
	for _, found := range s.releases {
		if found.Tag == tag && !found.Draft {
			return &answer{status: http.StatusOK, body: found.shown()}, nil
		}
	}
	return nil, errNotFound
}

func (s *Service) listAssets(r *http.Request) (*answer, error) {
	found, err := s.release(r)
	if err != nil {
		return nil, err
	}
	return page(r, found.Assets), nil
}

func (s *Service) deleteAsset(r *http.Request) (*answer, error) {
	for _, of := range s.releases {
		for i, a := range of.Assets {
			if strconv.FormatInt(a.ID, 10) != r.PathValue("asset") {
				continue
			}
			if of.Immutable {
				return nil, refuse(http.StatusUnprocessableEntity, "Cannot delete asset from an immutable release.")
			}
			of.Assets = slices.Delete(of.Assets, i, i+1)
			return &answer{status: http.StatusNoContent}, nil
		}
	}
	return nil, errNotFound
}

var illegal = regexp.MustCompile(`[^A-Za-z0-9._-]`)

func (s *Service) uploadAsset(r *http.Request) (*answer, error) {
	to, err := s.release(r)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(illegal.ReplaceAllString(r.URL.Query().Get("name"), "."), ".")
	switch {
	case to.Immutable:
		return nil, refuse(http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	case r.ContentLength <= 0:
		return nil, refuse(http.StatusBadRequest, "Bad Content-Length: "+r.Header.Get("Content-Length"))
	case r.Header.Get("Content-Type") == "":
		return nil, refuse(http.StatusBadRequest, "Missing Content-Type")
	case name == "":
		return nil, invalid("ReleaseAsset", "missing_field", "name")
	case slices.ContainsFunc(to.Assets, func(a *asset) bool { return a.Name == name }):
		return nil, invalid("ReleaseAsset", "already_exists", "name")
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, assetLimit))
	if err != nil {
		return nil, fmt.Errorf("read asset: %w", err)
	}
	a := s.newAsset(name, content)
	a.ContentType = r.Header.Get("Content-Type")
	to.Assets = append(to.Assets, a)
	return &answer{status: http.StatusCreated, body: a}, nil
}

func (s *Service) newAsset(name string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{ID: s.newID(), Name: name, State: uploaded, Size: len(content), Digest: "sha256:" + hex.EncodeToString(sum[:]), content: content}
}

// release is the one of the path.
func (s *Service) release(r *http.Request) (*release, error) {
	for _, found := range s.releases {
		if strconv.FormatInt(found.ID, 10) == r.PathValue("id") && s.visible(found) {
			return found, nil
		}
	}
	return nil, errNotFound
}

func invalid(resource, code, field string) *refusal {
	return refuse(http.StatusUnprocessableEntity, "Validation Failed", refusedDetails{Resource: resource, Code: code, Field: field})
}

// page is a part of a list.
//
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func page[T any](r *http.Request, all []T) *answer {
	const usual, most = 30, 100
	number := func(name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name)) // 0 is unknown
		return max(n, 0)
	}
	size, n := min(cmp.Or(number("per_page"), usual), most), cmp.Or(number("page"), 1)
	first := min((n-1)*size, len(all))
	last := min(first+size, len(all))
	a := &answer{status: http.StatusOK, body: append([]T{}, all[first:last]...)} // empty, not null
	if last < len(all) {
		a.next = n + 1
	}
	return a
}
