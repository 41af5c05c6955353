package confine_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/google/go-cmp/cmp"

	"seal-image/internal/confine"
)

// TestMain makes this program the process that is tried: TestParent starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		os.Exit(parent(os.Args[2]))
	}
	if len(os.Args) > 1 && os.Args[1] == "read" {
		_, err := os.ReadFile(os.Args[2])
		if err == nil {
			os.Exit(0)
		}
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// parent waits for the end of its input.
func parent(how string) int {
	if how == "closed" {
		if err := confine.Parent(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}

// Another process of the same user reads the environment and the memory map of a process, and
// not of one that is closed. Nobody but root can then take a secret that it was started with.
func TestParent(t *testing.T) {
	t.Parallel()
	program := copyOfSelf(t)
	for how, want := range map[string]bool{"open": true, "closed": false} {
		pid := start(t, program, how)
		for _, file := range []string{"environ", "maps"} {
			cmd := asUser(t, program, "read", fmt.Sprintf("/proc/%d/%s", pid, file))
			words, err := cmd.CombinedOutput()
			if got := err == nil; got != want {
				t.Errorf("%s of a process that is %s: read is %v, want %v: %s", file, how, got, want, words)
			}
			if !want && !strings.Contains(string(words), "permission denied") {
				t.Errorf("%s: %s", file, words)
			}
		}
	}
}

// asUser is the program, as an ordinary user also where this is root.
func asUser(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	return cmd
}

// start starts the program and waits until it is ready.
func start(t *testing.T, program, how string) (pid int) {
	t.Helper()
	cmd := asUser(t, program, "parent", how)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return cmd.Process.Pid
}

// copyOfSelf is this program where every user may execute it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "seal-image-test-") //nolint:usetesting // others must get to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "program")
	syscall.ForkLock.RLock() // a process that another test starts now would keep the file open for a moment
	err = os.WriteFile(at, content, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

// only are the calls that one architecture has: arm64 has the newer of two for one purpose, and
// one of them by another name.
var only = map[*arch.Info][]string{
	arch.X86_64: {
		"access", "chmod", "epoll_wait", "lstat", "mkdir", "newfstatat", "open", "poll", "readlink", "rename",
		"rmdir", "select", "stat", "time", "unlink",
	},
	arch.AARCH64: {"fstatat"},
}

// A name that is misspelled, or that the tables have another name for, would be left out in
// silence, and its call refused.
func TestCallsExist(t *testing.T) {
	t.Parallel()
	for here, other := range map[*arch.Info]*arch.Info{arch.X86_64: arch.AARCH64, arch.AARCH64: arch.X86_64} {
		var alone []string
		for _, name := range confine.Calls() {
			if _, has := here.SyscallNames[name]; has {
				if _, has := other.SyscallNames[name]; !has {
					alone = append(alone, name)
				}
			} else if _, has := other.SyscallNames[name]; !has {
				t.Errorf("there is no system call %s", name)
			}
		}
		slices.Sort(alone)
		if diff := cmp.Diff(only[here], alone); diff != "" {
			t.Errorf("calls that %s has alone (-want +got):\n%s", here.Name, diff)
		}
	}
	for _, name := range confine.Conditional() {
		for _, a := range []*arch.Info{arch.X86_64, arch.AARCH64} {
			if _, ok := a.SyscallNames[name]; !ok {
				t.Errorf("%s has no system call %s, so that no filter can be made there", a.Name, name)
			}
		}
	}
}

// beforehand are calls of the runtime that it makes at its start alone, or not without a
// profile, a debugger or Android.
var beforehand = []string{"socket", "connect", "arch_prctl", "setittimer"} // the last is its spelling of setitimer

// What the Go runtime calls stays, on both architectures of the action: the runtime's own
// sources name it.
func TestCallsOfTheRuntime(t *testing.T) {
	t.Parallel()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := confine.Calls()
	for name, names := range map[string]map[string]int{"amd64": arch.X86_64.SyscallNames, "arm64": arch.AARCH64.SyscallNames} {
		found := 0
		for _, file := range []string{"runtime/sys_linux_" + name + ".s", "internal/runtime/syscall/linux/defs_linux_" + name + ".go"} {
			content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile(`(?m)^(?:#define)?\s+SYS_(\w+)\s`).FindAllStringSubmatch(string(content), -1) {
				call := strings.ToLower(match[1])
				found++
				if !slices.Contains(allowed, call) && !slices.Contains(beforehand, call) {
					t.Errorf("the runtime for %s calls %s, which is refused", name, call)
				}
			}
		}
		if found < 30 || len(names) < 200 {
			t.Errorf("%d calls found for %s, of %d", found, name, len(names))
		}
	}
}
