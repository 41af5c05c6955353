package sbom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"seal-image/internal/attest"
)

// neighbour is a child that catalogs another platform at the same time.
type neighbour struct {
	PID     int
	TempDir string
	Address uintptr // of the text in its memory
}

const diary = "what the neighbour has found"

// live is a child that keeps its diary, in memory and in a file, until the FIFO of the layout is opened.
func live(layout string) int {
	text := []byte(diary)
	n := neighbour{PID: os.Getpid(), TempDir: os.TempDir(), Address: uintptr(unsafe.Pointer(&text[0]))}
	if os.WriteFile(filepath.Join(n.TempDir, "diary"), text, 0o600) != nil ||
		os.WriteFile(filepath.Join(n.TempDir, "neighbour.json"), must(json.Marshal(n)), 0o600) != nil {
		return 6
	}
	if code := hold(layout); code != 0 {
		return code
	}
	answer(string(must(json.Marshal(map[string]string{
		"memory": string(text), "file": string(must(os.ReadFile(filepath.Join(n.TempDir, "diary")))),
	}))))
	return 0
}

// raid is a child that attacks its neighbour.
func raid(layout string) int {
	var n neighbour
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(layout, "neighbour.json"))), &n); err != nil {
		return 1
	}
	return try(raids, n)
}

// raids are what hostile code in one child would try on another.
var raids = map[string]func(n neighbour) error{
	"signal it":            func(n neighbour) error { return unix.Kill(n.PID, 0) },
	"signal its group":     func(n neighbour) error { return unix.Kill(-n.PID, 0) },
	"signal its thread":    func(n neighbour) error { return unix.Tgkill(n.PID, n.PID, 0) },
	"open it by number":    func(n neighbour) error { _, err := unix.PidfdOpen(n.PID, 0); return err },
	"attach to it":         func(n neighbour) error { return unix.PtraceSeize(n.PID) },
	"read its memory":      readMemory,
	"write its memory":     writeMemory,
	"read its environment": func(n neighbour) error { return readable(n.proc("environ")) },
	"read its memory map":  func(n neighbour) error { return readable(n.proc("maps")) },
	"open its memory":      func(n neighbour) error { return opens(n.proc("mem"), os.O_RDWR) },
	"list its handles":     func(n neighbour) error { _, err := os.ReadDir(n.proc("fd")); return err },
	"open its request":     func(n neighbour) error { return opens(n.proc("fd/0"), os.O_RDONLY) },
	"open its answer":      func(n neighbour) error { return opens(n.proc("fd/1"), os.O_WRONLY) },
	"open its words":       func(n neighbour) error { return opens(n.proc("fd/2"), os.O_WRONLY) },
	"see its folder":       func(n neighbour) error { _, err := os.ReadDir(n.TempDir); return err },
	"read its file":        func(n neighbour) error { return readable(n.TempDir, "diary") },
	"open its file":        func(n neighbour) error { return opens(filepath.Join(n.TempDir, "diary"), os.O_RDWR) },
	"add a file":           func(n neighbour) error { return writable(n.TempDir, "added") },
	"list all folders":     func(n neighbour) error { _, err := os.ReadDir(filepath.Dir(n.TempDir)); return err },
	"set its limits": func(n neighbour) error {
		return unix.Prlimit(n.PID, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	},
	"set its priority":   func(n neighbour) error { return unix.Setpriority(unix.PRIO_PROCESS, n.PID, 1) },
	"set its processors": func(n neighbour) error { all := &unix.CPUSet{1<<64 - 1}; return unix.SchedSetaffinity(n.PID, all) },
	"share memory":       func(neighbour) error { return call(unix.SYS_SHMGET, 0, 4096) },
}

// harmlessRaids work between processes of one user.
var harmlessRaids = []string{
	"signal it", "signal its group", "signal its thread", "open it by number", "read its environment", "read its memory map", "list its handles",
	"see its folder", "read its file", "open its file", "add a file", "set its priority", "set its processors", "share memory",
}

// atFolder are the raids that nothing but Landlock keeps from a folder of the same user.
var atFolder = []string{"see its folder", "read its file", "open its file", "add a file"}

func (n neighbour) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", n.PID, file) }

func opens(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0)
	if err == nil {
		f.Close()
	}
	return err
}

func readMemory(n neighbour) error {
	_, err := unix.ProcessVMReadv(n.PID, buffer(), []unix.RemoteIovec{{Base: n.Address, Len: 1}}, 0)
	return err
}

// writeMemory leaves the diary as it is.
func writeMemory(n neighbour) error {
	same := []byte(diary[:1])
	_, err := unix.ProcessVMWritev(n.PID, []unix.Iovec{{Base: &same[0], Len: 1}}, []unix.RemoteIovec{{Base: n.Address, Len: 1}}, 0)
	return err
}

// Two children at a time are apart: hostile code in one reaches nothing of the other, whose answer is its own.
func TestChildrenAreApart(t *testing.T) {
	t.Parallel()
	results := map[string]map[string]string{}
	for _, strength := range strengths {
		work := workDir(t)
		layout := smallLayout(t, work)
		cat := cataloger(work)
		cat.Name = strength
		var lived *attest.SBOM
		group, ctx := errgroup.WithContext(t.Context())
		group.Go(func() (err error) {
			lived, err = catalogs(ctx, cat, layout, imageOf(t, "live", someDigest))
			return err
		})
		writeFile(t, filepath.Join(layout, "neighbour.json"), introduced(ctx, t, work))
		raided, err := catalogs(t.Context(), cat, layout, imageOf(t, "raid", someDigest))
		release(t, layout)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		results[strength] = resultsOf(t, only(t, raided))
		if got := resultsOf(t, only(t, lived)); got["memory"] != diary || got["file"] != diary {
			t.Errorf("%s: the neighbour has %q", strength, got)
		}
	}
	checkResults(t, results, harmlessRaids, atFolder)
}

// introduced is what the neighbour says of itself in its folder.
func introduced(ctx context.Context, t *testing.T, work string) []byte {
	t.Helper()
	for ctx.Err() == nil {
		files, err := filepath.Glob(filepath.Join(work, "catalog-*", "neighbour.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if content, err := os.ReadFile(file); err == nil && json.Valid(content) {
				return content
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no neighbour has come")
	return nil
}
