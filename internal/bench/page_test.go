package main

import (
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"seal-image/internal/golden"
)

// TestPage: the page of runs that took what the names say.
func TestPage(t *testing.T) {
	t.Parallel()
	made := func(name string, delay, action time.Duration) *cell {
		c := &cell{image: &image{Name: name, Top: v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: "1"}}, Bytes: 600e6, content: "Made up."}, delay: delay}
		for _, who := range order {
			took := 10 * time.Second
			switch {
			case who == theFloor:
				took = time.Second
			case who.column == "":
				took = action
			}
			for n := range 3 {
				c.add(who, &run{
					used: usage{Wall: took + time.Duration(n)*time.Second, CPU: took, RSS: int64(took) / 100},
					record: record{
						{Service: registry, Method: "GET", Path: "/v2/acme/r-x/manifests/v1", Status: 200, AnswerBytes: 1000},
						{Service: "oidc", Method: "GET", Path: "/_apis/idtoken", Status: 200},
						{Service: "fulcio", Method: "POST", Path: "/api/v2/signingCert", Status: 200, BodyBytes: 500},
					},
				})
			}
		}
		c.sets = packageSets{common: 1300, oursOnly: []string{"a 1"}}
		return c
	}
	r := &report{
		rounds: 3, start: sample{0.05, 0.06, 0.2}, imageSize: 28e6,
		versions: map[string]string{"syft": "1.0.0", string(legacy): "2.0.0", string(bundle): "3.0.0"},
		cells:    []*cell{made("small", 0, time.Second), made("small", latency, time.Second), made("large", 0, 2*time.Second), made("shared", 0, 3*time.Second)},
	}
	r.curves = []*curve{{of: "Layers", values: []int{2, 11}, cells: r.cells[:2]}}
	var page strings.Builder
	r.write(&page)
	_, text, _ := strings.Cut(page.String(), "\n") // the first line is of the machine
	golden.Compare(t, "page.md", text)

	var large strings.Builder
	if err := r.writeLarge(&large); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(large.String(), "within the goal") {
		t.Errorf("the part of large images:\n%s", large.String())
	}
}
