package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"seal-image/internal/sandbox/stack"
)

const serveUsage = "serve [-dir DIR] [-address IP] [-layouts DIR]"

// serve starts the servers and prints the first job as one line of JSON when they are ready. It
// ends with ctx, and leaves no file that it was not told to leave.
func serve(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var o stack.Options
	flags.StringVar(&o.Dir, "dir", "", "folder to write to, instead of a temporary one")
	flags.StringVar(&o.Layouts, "layouts", "", "folder of OCI layouts whose blobs the registry has")
	flags.TextVar(&o.Address, "address", netip.Addr{}, "address of this machine to listen on, instead of 127.0.0.1")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("parse arguments: %w; usage:\n%s", err, serveUsage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; usage:\n%s", flags.Arg(0), serveUsage)
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "sandbox-"); err != nil {
			return fmt.Errorf("make temporary directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	return serveIn(ctx, o, stdout)
}

func serveIn(ctx context.Context, o stack.Options, stdout io.Writer) (err error) {
	o.Dir, err = filepath.Abs(o.Dir) // its files are for other processes
	if err != nil {
		return fmt.Errorf("locate directory: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	// A signal ends serve, not what it started: that ends in order, below.
	running := context.WithoutCancel(ctx)
	s, err := stack.Start(running, o)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	job, err := s.NewJob(running)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(job); err != nil {
		return fmt.Errorf("print job: %w", err)
	}
	<-ctx.Done()
	return nil
}
