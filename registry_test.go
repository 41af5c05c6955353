package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// put REPO@DIGEST FILE: puts FILE, an OCI index, under the fallback tag of the digest, as
// another tool would have done.
func put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: put REPO@DIGEST FILE")
	}
	_, err := fallbackIndex(args[0], http.MethodPut, []byte(ts.ReadFile(args[1])))
	ts.Check(err)
}

// kept REPO@DIGEST FILE: the index under the fallback tag of the digest has the bytes of
// FILE, without its last line break.
func kept(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: kept REPO@DIGEST FILE")
	}
	index, err := fallbackIndex(args[0], http.MethodGet, nil)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", index)
	if want := strings.TrimSuffix(ts.ReadFile(args[1]), "\n"); !bytes.Contains(index, []byte(want)) {
		ts.Fatalf("the index lacks the bytes of %s", args[1])
	}
}

// fallbackIndex asks the registry without any library in between.
func fallbackIndex(ref, method string, body []byte) ([]byte, error) {
	digest, err := name.NewDigest(ref)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://%s/v2/%s/manifests/%s", digest.RegistryStr(), digest.RepositoryStr(),
		strings.Replace(digest.DigestStr(), ":", "-", 1))
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", string(types.OCIImageIndex))
	req.Header.Set("Accept", string(types.OCIImageIndex))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	return answer, err
}

// layers REPO:TAG: prints media type, annotation keys and predicate type of each layer of a
// manifest, in order, and sets LAYER to the digest of the last.
func layers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: layers REPO:TAG")
	}
	ref, err := name.NewTag(args[0])
	ts.Check(err)
	img, err := remote.Image(ref)
	ts.Check(err)
	manifest, err := img.Manifest()
	ts.Check(err)
	out := ts.Stdout()
	for _, l := range manifest.Layers {
		fmt.Fprintln(out, l.MediaType, slices.Sorted(maps.Keys(l.Annotations)), l.Annotations["predicateType"])
		ts.Setenv("LAYER", l.Digest.String())
	}
}

// dockerconfig FOLDER USER PASSWORD: writes what `docker login` to the registry with a login
// would write.
func dockerConfig(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: dockerconfig FOLDER USER PASSWORD")
	}
	auth := base64.StdEncoding.EncodeToString([]byte(args[1] + ":" + args[2]))
	content, err := json.Marshal(map[string]any{"auths": map[string]any{of(ts).job.RegistryWithLogin: map[string]string{"auth": auth}}})
	ts.Check(err)
	ts.Check(os.MkdirAll(args[0], 0o755))
	ts.Check(os.WriteFile(filepath.Join(args[0], "config.json"), content, 0o600))
}

// fill REPO:TAG N: puts N signatures of somebody under one of cosign's tags.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill REPO:TAG N")
	}
	ref, err := name.NewTag(args[0])
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	layer := static.NewLayer([]byte("{}"), "application/vnd.dev.cosign.simplesigning.v1+json")
	adds := make([]mutate.Addendum, n)
	for i := range adds {
		adds[i] = mutate.Addendum{Layer: layer, Annotations: map[string]string{"dev.cosignproject.cosign/signature": strconv.Itoa(i)}}
	}
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), adds...)
	ts.Check(err)
	ts.Check(remote.Write(ref, img))
}
