// Package images makes the images that the tests sign, from the fixtures in testdata/images, and pushes them.
//
// Two runs with the same Go toolchain give the same digests: timestamps are fixed, tar entries sorted. Each kind
// comes with the list of packages that the real package managers say are in it, so that an SBOM can be compared
// with something other than the program that made it. The package knows nothing of signatures.
package images

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Usage lists the commands of [Main].
const Usage = `images -fixtures DIR -out DIR [KIND...]
push [-username USER -password-env NAME] LAYOUT REF`

// Main runs the command that args[0] names, with the rest as its arguments; see [Usage].
func Main(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("no command; usage:\n" + Usage)
	}
	switch args[0] {
	case "images":
		return runImages(ctx, args[1:], stdout)
	case "push":
		return runPush(ctx, args[1:], stdout)
	default:
		return fmt.Errorf("unknown command %q; usage:\n%s", args[0], Usage)
	}
}

// runImages prints one line per kind: its name and its digest.
func runImages(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	fixtures := flags.String("fixtures", "", "folder of the fixtures, testdata/images")
	out := flags.String("out", "", "folder to write to")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("parse arguments: %w; usage:\n%s", err, Usage)
	}
	if *fixtures == "" || *out == "" {
		return errors.New("-fixtures and -out are required; usage:\n" + Usage)
	}
	kinds := Kinds()
	if flags.NArg() > 0 {
		kinds = nil
		for _, arg := range flags.Args() {
			kinds = append(kinds, Kind(arg))
		}
	}
	builder := NewBuilder(*fixtures)
	for _, kind := range kinds {
		artifact, err := builder.Build(ctx, kind)
		if err != nil {
			return err
		}
		if err := artifact.Write(*out); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, kind, artifact.Digest); err != nil {
			return fmt.Errorf("print digest of %s: %w", kind, err)
		}
	}
	return nil
}

// runPush prints the digest of what it pushed, and nothing else, for scripts.
func runPush(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("push", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	username := flags.String("username", "", "user of the registry")
	passwordEnv := flags.String("password-env", "", "environment variable that holds the password")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("parse arguments: %w; usage:\n%s", err, Usage)
	}
	if flags.NArg() != 2 || (*username == "") != (*passwordEnv == "") {
		return errors.New("wrong arguments; usage:\n" + Usage)
	}
	ref, err := name.ParseReference(flags.Arg(1))
	if err != nil {
		return fmt.Errorf("parse reference: %w", err)
	}
	auth := authn.Anonymous
	if *username != "" {
		auth = &authn.Basic{Username: *username, Password: os.Getenv(*passwordEnv)}
	}
	digest, err := Push(ctx, flags.Arg(0), ref, remote.WithAuth(auth))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, digest); err != nil {
		return fmt.Errorf("print digest of %s: %w", ref, err)
	}
	return nil
}
