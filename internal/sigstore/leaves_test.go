package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// eachLeaf calls try with the JSON of encoded in which one value differs, for each value.
func eachLeaf(t *testing.T, encoded []byte, try func(path string, changed []byte)) {
	t.Helper()
	for n := 0; ; n++ {
		var v any
		decode := json.NewDecoder(bytes.NewReader(encoded))
		decode.UseNumber()
		if err := decode.Decode(&v); err != nil {
			t.Fatal(err)
		}
		left := n
		changed, path := alter(v, &left)
		if path == "" {
			if n == 0 {
				t.Fatal("nothing to change")
			}
			return
		}
		again, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		try(path, again)
	}
}

// alter changes the value number left of v; path is "" if there are fewer.
func alter(v any, left *int) (changed any, path string) {
	switch v := v.(type) {
	case map[string]any:
		var keys []string
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if v[k], path = alter(v[k], left); path != "" {
				return v, "." + k + path
			}
		}
		return v, ""
	case []any:
		for k := range v {
			if v[k], path = alter(v[k], left); path != "" {
				return v, fmt.Sprintf("[%d]%s", k, path)
			}
		}
		return v, ""
	default:
		*left--
		if *left == -1 {
			return otherValue(v), " "
		}
		return v, ""
	}
}

// otherValue is of the same kind: the next number, or a text with one bit flipped.
func otherValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return 0
		}
		return n + 1
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return strconv.FormatInt(n+1, 10)
		}
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) > 8 {
			raw[len(raw)/2] ^= 1
			return base64.StdEncoding.EncodeToString(raw)
		}
		return v + "x"
	case bool:
		return !v
	default:
		return "x"
	}
}
