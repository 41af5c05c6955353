package problem_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seal-image/internal/problem"
)

// TestExitOfEveryCode repeats the table of exit statuses of the documents: a code that moves
// to another status breaks scripts of users.
func TestExitOfEveryCode(t *testing.T) {
	t.Parallel()
	want := map[int][]problem.Code{
		1:   {"unexpected"},
		2:   {"input-invalid", "private-repository"},
		3:   {"id-token-claims", "id-token-permission", "id-token-request", "registry-denied", "registry-login"},
		4:   {"digest-mismatch", "image-not-found", "image-unsupported", "platform-unknown", "registry-unavailable", "registry-unreachable"},
		5:   {"sbom-empty", "sbom-failed", "sbom-too-large"},
		6:   {"fulcio-rejected", "fulcio-unavailable", "rekor-rejected", "rekor-unavailable", "timestamp-unavailable", "trust-root"},
		7:   {"attach-failed", "read-back-missing", "referrers-refused", "tags-refused"},
		8:   {"bundle-invalid", "not-signed", "sbom-missing", "signature-untrusted", "signer-unexpected"},
		9:   {"artifact-failed", "attestation-failed", "release-failed", "runner-files", "snapshot-failed"},
		124: {"timeout"},
		143: {"cancelled"},
	}
	got := map[int][]problem.Code{}
	for _, c := range problem.Codes() {
		got[c.Exit()] = append(got[c.Exit()], c)
	}
	for _, codes := range got {
		slices.Sort(codes)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exit statuses (-want +got):\n%s", diff)
	}
	if got := problem.Code("no-such-code").Exit(); got != 1 {
		t.Errorf("an unknown code exits %d, want 1", got)
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	of := func(c problem.Code, err error) error { return &problem.Problem{Code: c, What: "It broke.", Err: err} }
	signal := func(s syscall.Signal) error { return problem.Signal{Signal: s} }
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"nil":                      {nil, 0},
		"problem":                  {of(problem.SBOMEmpty, nil), 5},
		"wrapped":                  {fmt.Errorf("catalog: %w", of(problem.SBOMEmpty, nil)), 5},
		"joined":                   {errors.Join(errors.New("x"), of(problem.Timeout, nil)), 124},
		"no problem":               {fs.ErrNotExist, 1},
		"SIGINT":                   {of(problem.Cancelled, signal(syscall.SIGINT)), 130},
		"SIGTERM, wrapped":         {fmt.Errorf("sign: %w", of(problem.Cancelled, signal(syscall.SIGTERM))), 143},
		"cancelled without signal": {of(problem.Cancelled, nil), 143},
		"signal of a child":        {of(problem.SBOMFailed, signal(syscall.SIGKILL)), 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := problem.Exit(tt.err); got != tt.want {
				t.Errorf("Exit(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	if p := problem.From(nil); p != nil {
		t.Errorf("From(nil) = %v", p)
	}
	inner := &problem.Problem{Code: problem.RegistryDenied, What: "The registry refuses to store.", Err: fs.ErrPermission}
	outer := fmt.Errorf("attach: %w", inner)
	if got := problem.From(outer); got != inner {
		t.Errorf("From finds %v, want the problem in the chain", got)
	}
	if !errors.Is(outer, fs.ErrPermission) {
		t.Error("the chain ends at the problem")
	}
	if want := "The registry refuses to store: permission denied"; inner.Error() != want {
		t.Errorf("Error() = %q, want %q", inner.Error(), want)
	}

	unknown := errors.New("broken pipe")
	got := problem.From(unknown)
	if got.Code != problem.Unexpected || !errors.Is(got, unknown) || got.What == "" || got.Why == "" || got.Fix == "" {
		t.Errorf("From(an error without advice) = %+v", got)
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	got := problem.Signal{Signal: syscall.SIGTERM}.Error()
	if want := "stopped by signal 15 (terminated)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
