// Command release makes what a release publishes, without a container engine: the image of the
// action for every platform, and the two files that name it. The workflow release.yml calls it;
// `make image` builds. It is no part of the action.
//
//	release build [-out DIR] [-source URL] [-revision SHA]   write the image as an OCI layout
//	release push DIR REFERENCE                               push the layout, print repository@digest
//	release pin REPOSITORY@DIGEST                            have action.yml and verify/action.yml run it
//	release notes VERSION                                    check the version, print its part of CHANGELOG.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: release build [flags] | push DIR REFERENCE | pin REPOSITORY@DIGEST | notes VERSION")

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "build":
		return build(ctx, args[1:])
	case len(args) == 3 && args[0] == "push":
		pushed, err := push(ctx, args[1], args[2])
		if err == nil {
			fmt.Println(pushed)
		}
		return err
	case len(args) == 2 && args[0] == "pin":
		return pin(".", args[1])
	case len(args) == 2 && args[0] == "notes":
		text, err := notes(".", args[1])
		fmt.Print(text)
		return err
	}
	return errUsage
}

// build compiles, assembles and writes the image, and prints digest and sizes.
func build(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	out := flags.String("out", ".bin/image", "folder of the OCI layout, replaced")
	var about description
	flags.StringVar(&about.source, "source", "", "address of the repository")
	flags.StringVar(&about.revision, "revision", "", "commit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if about.created, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	if about.version, err = version("."); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "seal-image-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	files, err := compile(ctx, ".", work)
	if err != nil {
		return err
	}
	index, err := assemble(files, about)
	if err != nil {
		return err
	}
	return write(index, *out)
}

// sourceDate reads https://reproducible-builds.org/specs/source-date-epoch/; without it, the
// time is 1970.
func sourceDate(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
