//go:build matrix

package matrix_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// embedded are strings of a bundle that hold JSON, in base64.
var embedded = []string{
	"dsseEnvelope.payload",
	"verificationMaterial.tlogEntries[].canonicalizedBody",
}

// constant are the paths whose values, not only their types, verifiers depend on.
var constant = []string{
	"mediaType",
	"dsseEnvelope.payloadType",
	"dsseEnvelope.payload:_type",
	"dsseEnvelope.payload:predicateType",
	"verificationMaterial.tlogEntries[].kindVersion.kind",
	"verificationMaterial.tlogEntries[].kindVersion.version",
	"verificationMaterial.tlogEntries[].canonicalizedBody:kind",
	"verificationMaterial.tlogEntries[].canonicalizedBody:apiVersion",
	"verificationMaterial.tlogEntries[].canonicalizedBody:spec.envelopeHash.algorithm",
	"verificationMaterial.tlogEntries[].canonicalizedBody:spec.payloadHash.algorithm",
}

// predicate is the path below which there is no bundle any more.
const predicate = "dsseEnvelope.payload:predicate"

// shapeOf lists what a bundle consists of, sorted: the path of everything in it, with the
// JSON type that it has, or the value if that is always the same. An index of an array is
// written [], and what is in an embedded document stands after a colon.
func shapeOf(bundle []byte) ([]string, error) {
	var content any
	if err := json.Unmarshal(bundle, &content); err != nil {
		return nil, err
	}
	var s shape
	if err := s.add("", content); err != nil {
		return nil, err
	}
	slices.Sort(s)
	return slices.Compact(s), nil
}

type shape []string

func (s *shape) add(path string, content any) error {
	switch v := content.(type) {
	case map[string]any:
		return s.addObject(path, v)
	case []any:
		s.line(path, "array")
		for _, element := range v {
			if err := s.add(path+"[]", element); err != nil {
				return err
			}
		}
		return nil
	case string:
		return s.addString(path, v)
	default:
		s.line(path, fmt.Sprintf("%T", v)) // bool, float64, <nil>
		return nil
	}
}

func (s *shape) addObject(path string, object map[string]any) error {
	s.line(path, "object")
	if path == predicate {
		return nil
	}
	for key, value := range object {
		if err := s.add(strings.TrimPrefix(path+"."+key, "."), value); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) addString(path, text string) error {
	switch {
	case slices.Contains(constant, path):
		s.line(path, fmt.Sprintf("%q", text))
	case slices.Contains(embedded, path):
		return s.addEmbedded(path, text)
	default:
		s.line(path, "string")
	}
	return nil
}

func (s *shape) addEmbedded(path, text string) error {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var content map[string]any
	if err := json.Unmarshal(decoded, &content); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for key, value := range content {
		if err := s.add(path+":"+key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) line(path, is string) {
	if path != "" {
		*s = append(*s, path+" "+is)
	}
}
