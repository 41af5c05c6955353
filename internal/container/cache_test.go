//go:build container

package container_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Variables that make the test's own program the GOCACHEPROG of a build.
const (
	copyFrom = "SEAL_IMAGE_COPY_FROM" // a GOCACHE
	copyTo   = "SEAL_IMAGE_COPY_TO"   // a folder
)

func TestMain(m *testing.M) {
	to := os.Getenv(copyTo)
	if to == "" {
		os.Exit(m.Run())
	}
	c := &cacheCopy{from: os.Getenv(copyFrom), to: to, answers: json.NewEncoder(os.Stdout)}
	if err := c.serve(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// cacheCopy is a build cache that copies each entry a build asks for, out of a large one.
// The go command speaks JSON with it, a line for each request and answer.
//
// https://pkg.go.dev/cmd/go/internal/cacheprog
type cacheCopy struct {
	from, to string
	answers  *json.Encoder
}

// request and answer have the fields of cacheprog.
type request struct {
	ID       int64
	Command  string
	ActionID []byte
	OutputID []byte
	BodySize int64
}

type answer struct {
	ID            int64
	KnownCommands []string `json:",omitempty"`
	Miss          bool     `json:",omitempty"`
	Err           string   `json:",omitempty"`
	OutputID      []byte   `json:",omitempty"`
	Size          int64    `json:",omitempty"`
	DiskPath      string   `json:",omitempty"`
}

func (c *cacheCopy) serve(stdin io.Reader) error {
	if err := c.answers.Encode(answer{KnownCommands: []string{"get", "put", "close"}}); err != nil {
		return err
	}
	requests := json.NewDecoder(bufio.NewReader(stdin))
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var body []byte
		if r.BodySize > 0 {
			if err := requests.Decode(&body); err != nil {
				return err
			}
		}
		a, err := c.do(r, body)
		if err != nil {
			a = answer{Err: err.Error()}
		}
		a.ID = r.ID
		if err := c.answers.Encode(a); err != nil {
			return err
		}
	}
}

func (c *cacheCopy) do(r request, body []byte) (answer, error) {
	switch r.Command {
	case "get":
		return c.get(r.ActionID)
	case "put":
		path, err := c.keep(r.ActionID, r.OutputID, body)
		return answer{DiskPath: path}, err
	default:
		return answer{}, nil
	}
}

// get finds an entry here, where the build may be reading it, or copies it.
func (c *cacheCopy) get(action []byte) (answer, error) {
	if output, size, ok := lookUp(c.to, action); ok {
		return answer{OutputID: output, Size: size, DiskPath: entry(c.to, output, "d")}, nil
	}
	output, size, ok := lookUp(c.from, action)
	if !ok {
		return answer{Miss: true}, nil
	}
	content, _ := os.ReadFile(entry(c.from, output, "d")) // which may have been trimmed
	if int64(len(content)) != size {
		return answer{Miss: true}, nil
	}
	path, err := c.keep(action, output, content)
	return answer{OutputID: output, Size: size, DiskPath: path}, err
}

// lookUp reads the entry of an action, a line "v1 ACTION OUTPUT SIZE TIME".
//
// https://github.com/golang/go/blob/go1.26.0/src/cmd/go/internal/cache/cache.go
func lookUp(dir string, action []byte) (output []byte, size int64, ok bool) {
	content, err := os.ReadFile(entry(dir, action, "a"))
	fields := strings.Fields(string(content))
	if err != nil || len(fields) != 5 {
		return nil, 0, false
	}
	output, err = hex.DecodeString(fields[2])
	if err != nil {
		return nil, 0, false
	}
	size, err = strconv.ParseInt(fields[3], 10, 64)
	return output, size, err == nil
}

// keep writes an entry as the go command would.
func (c *cacheCopy) keep(action, output, content []byte) (string, error) {
	const long = 1 << 40 // in ns; the time of an entry matters to its age alone
	line := fmt.Sprintf("v1 %x %x %20d %20d\n", action, output, len(content), long)
	path := entry(c.to, output, "d")
	for _, f := range []struct {
		path    string
		content []byte
	}{{path, content}, {entry(c.to, action, "a"), []byte(line)}} {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(f.path, f.content, 0o644); err != nil {
			return "", err
		}
	}
	return path, nil
}

func entry(dir string, id []byte, kind string) string {
	name := hex.EncodeToString(id)
	return filepath.Join(dir, name[:2], name+"-"+kind)
}
