// Sandbox is a Sigstore, a registry and GitHub's token issuer on loopback, for tests and the
// demo: the real servers in one process, with faults on demand.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"seal-image/internal/sandbox/images"
	"seal-image/internal/sandbox/verifier"
)

const usage = "usage:\n" + serveUsage + "\n" + images.Usage + "\n" + verifier.Usage

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("no command; %s", usage)
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:], stdout)
	case "images", "push":
		return images.Main(ctx, args, stdout)
	case "verify":
		return verifier.Main(ctx, args, stdout)
	default:
		return fmt.Errorf("unknown command %q; %s", args[0], usage)
	}
}
