package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// floor does what no program can do without that reads layers: it fetches the blobs, two at a
// time, expands them, and hashes both.
func floor(ctx context.Context, urls []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, url := range urls {
		group.Go(func() error { return fetch(ctx, url) })
	}
	return group.Wait()
}

func fetch(ctx context.Context, url string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	outer, inner := sha256.New(), sha256.New()
	archive, err := gzip.NewReader(io.TeeReader(resp.Body, outer))
	if err != nil {
		return err
	}
	_, err = io.Copy(inner, archive)
	return err
}
