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

const serveUsage = "serve [-dir DIR] [-address IP]"

// serve starts the servers and prints the first job as one line of JSON when they are ready. It
// ends with ctx, and leaves no file that it was not told to leave.
func serve(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", "", "folder to write to, instead of a temporary one")
	var address netip.Addr
	flags.TextVar(&address, "address", netip.Addr{}, "address of this machine to listen on, instead of 127.0.0.1")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("parse arguments: %w; usage:\n%s", err, serveUsage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; usage:\n%s", flags.Arg(0), serveUsage)
	}
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "sandbox-"); err != nil {
			return fmt.Errorf("make temporary directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
	}
	return serveIn(ctx, *dir, address, stdout)
}

func serveIn(ctx context.Context, dir string, address netip.Addr, stdout io.Writer) (err error) {
	dir, err = filepath.Abs(dir) // its files are for other processes
	if err != nil {
		return fmt.Errorf("locate directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	// A signal ends serve, not what it started: that ends in order, below.
	running := context.WithoutCancel(ctx)
	s, err := stack.Start(running, dir, address)
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
