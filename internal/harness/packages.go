package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Packages are the packages of an SPDX document, each as "name version purl", sorted. Two things
// that the action writes its own way are left out: the image itself, which a document describes,
// and the operating system.
func Packages(document []byte) ([]string, error) {
	var content struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
			Purpose string `json:"primaryPackagePurpose"`
			Refs    []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(document, &content); err != nil {
		return nil, fmt.Errorf("parse document: %w", err)
	}
	found := map[string]bool{}
	for _, p := range content.Packages {
		if p.Purpose == "CONTAINER" || p.Purpose == "OPERATING_SYSTEM" {
			continue
		}
		words := []string{p.Name, p.Version}
		for _, ref := range p.Refs {
			if ref.Type == "purl" {
				words = append(words, ref.Locator)
			}
		}
		found[strings.Join(words, " ")] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}
