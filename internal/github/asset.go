package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"seal-image/internal/attest"
)

const uploaded = "uploaded"

// asset is a file of a release.
// Source: https://docs.github.com/rest/releases/assets
type asset struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`  // uploaded; another is what a broken upload has left
	Digest string `json:"digest"` // sha256:...; older servers say none
}

// assets are those of a release, by name. The release itself does not list what a broken upload
// has left.
func (a *API) assets(ctx context.Context, r *release) (map[string]*asset, error) {
	out := map[string]*asset{}
	err := list(ctx, a, fmt.Sprintf("/releases/%d/assets", r.ID), func(found asset) bool {
		out[found.Name] = &found
		return false
	})
	return out, err
}

// file is an asset to be.
type file struct {
	release *release
	to      *url.URL
	name    string
	content []byte
}

// put uploads a file, unless it is there. present is what has its name, or nil.
func (a *API) put(ctx context.Context, f file, present *asset) (attest.State, error) {
	if present.has(f.content) {
		return attest.Existing, nil
	}
	if f.release.Immutable {
		return "", errImmutable
	}
	state := attest.New
	if present != nil {
		if present.State == uploaded {
			state = attest.Replaced
		}
		if err := a.remove(ctx, present); err != nil {
			return "", err
		}
	}
	err := a.upload(ctx, f)
	if failed, ok := errors.AsType[*apiError](err); ok && failed.has("already_exists") {
		return state, a.settle(ctx, f)
	}
	return state, err
}

// settle looks again after an upload that found its name taken: by what it has itself uploaded
// before, with the answer lost or half of it, or by another job.
func (a *API) settle(ctx context.Context, f file) error {
	present, err := a.assets(ctx, f.release)
	if err != nil {
		return err
	}
	if taken := present[f.name]; taken != nil {
		if taken.has(f.content) {
			return nil
		}
		if err := a.remove(ctx, taken); err != nil {
			return err
		}
	}
	return a.upload(ctx, f)
}

func (a *API) upload(ctx context.Context, f file) error {
	to := *f.to
	to.RawQuery = url.Values{"name": {f.name}}.Encode()
	_, err := a.send(ctx, apiRequest{method: http.MethodPost, url: to.String(), mediaType: mediaType(f.name), content: f.content}, nil)
	if failed, ok := errors.AsType[*apiError](err); ok && strings.Contains(failed.Message, "immutable release") {
		return fmt.Errorf("%w: %w", errImmutable, err)
	}
	return err
}

// remove deletes an asset, which another job may have done before.
func (a *API) remove(ctx context.Context, old *asset) error {
	_, err := a.send(ctx, apiRequest{method: http.MethodDelete, url: a.of(fmt.Sprintf("/releases/assets/%d", old.ID))}, nil)
	if isNotFound(err) {
		return nil
	}
	return err
}

// has reports whether the asset is known to have the content.
func (a *asset) has(content []byte) bool {
	return a != nil && a.State == uploaded && a.Digest == digestOf(content)
}

// digestOf is the SHA-256 of content as GitHub writes it, "sha256:<hex>".
func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func mediaType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".spdx":
		return "text/spdx"
	default:
		return "application/octet-stream"
	}
}
