package sbom_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"seal-image/internal/sbom"
)

// prey is what a child attacks. It reads it in the layout.
type prey struct {
	Parent                   int
	TCP, UDP, Abstract, Sock string // addresses that somebody listens on
	Workspace, Secret        string // a folder and a file that everybody may write and read
	Layout                   string
}

// attacks are what hostile code in the child would try; nil is success.
var attacks = map[string]func(p prey) error{
	"read the environment of the parent": func(p prey) error { return readable("/proc", strconv.Itoa(p.Parent), "environ") },
	"read the memory map of the parent":  func(p prey) error { return readable("/proc", strconv.Itoa(p.Parent), "maps") },
	"read the memory of the parent": func(p prey) error {
		_, err := unix.ProcessVMReadv(p.Parent, buffer(), []unix.RemoteIovec{{Base: 1 << 20, Len: 1}}, 0)
		return err
	},
	"list the handles of the parent": func(p prey) error { _, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Parent)); return err },
	"read the command of the parent": func(p prey) error { return readable("/proc", strconv.Itoa(p.Parent), "cmdline") },
	"attach to the parent":           func(p prey) error { return unix.PtraceSeize(p.Parent) },
	"signal the parent":              func(p prey) error { return unix.Kill(p.Parent, 0) },
	"signal everybody":               func(prey) error { return unix.Kill(-1, 0) },
	"open the parent by number":      func(p prey) error { _, err := unix.PidfdOpen(p.Parent, 0); return err },
	"use an inherited handle":        inherited,

	"connect to the Docker socket":    func(p prey) error { return dial("unix", p.Sock) },
	"connect to an abstract socket":   func(p prey) error { return dial("unix", "@"+p.Abstract) },
	"connect by TCP":                  func(p prey) error { return dial("tcp", p.TCP) },
	"send by UDP":                     func(p prey) error { return dial("udp", p.UDP) },
	"listen on TCP":                   func(prey) error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
	"make a pair of sockets":          func(prey) error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	"read a file of the workspace":    func(p prey) error { return readable(p.Secret) },
	"list the workspace":              func(p prey) error { _, err := os.ReadDir(p.Workspace); return err },
	"read /etc/passwd":                func(prey) error { return readable("/etc/passwd") },
	"leave its own folder by a link":  throughLink,
	"write to the workspace":          func(p prey) error { return writable(p.Workspace, "written") },
	"write to the common temp folder": func(prey) error { return writable("/tmp", "seal-image-attack-"+strconv.Itoa(os.Getpid())) },
	"write to the layout":             func(p prey) error { return writable(p.Layout, "written") },
	"change an unpacked layer":        func(p prey) error { return os.WriteFile(unpackedLayer(p.Layout), []byte("!"), 0o600) },
	"link a file into its own folder": func(p prey) error { return os.Link(p.Secret, filepath.Join(os.TempDir(), "hard")) },
	"make a socket in its own folder": func(prey) error { return unix.Mknod(filepath.Join(os.TempDir(), "s"), unix.S_IFSOCK|0o600, 0) },
	"execute itself":                  func(prey) error { return execute("/proc/self/exe") },
	"execute what it wrote":           executeWritten,
	"execute what is in memory":       executeMemory,
	"make a process":                  func(prey) error { return fork() },
	"make memory executable":          func(prey) error { return mapped(unix.PROT_READ | unix.PROT_EXEC) },
	"make a user namespace":           func(prey) error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"mount":                           func(prey) error { return unix.Mount("none", os.TempDir(), "tmpfs", 0, "") },
	"read the kernel's keys":          func(prey) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err },
	"use io_uring":                    func(prey) error { return call(unix.SYS_IO_URING_SETUP, 1, 0) },
	"load a BPF program":              func(prey) error { return call(unix.SYS_BPF, 5, 0) },
	"observe by perf":                 func(prey) error { return call(unix.SYS_PERF_EVENT_OPEN, 0, 0) },
	"become root":                     func(prey) error { return unix.Setuid(0) },
	"raise a limit":                   func(prey) error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) },
	"become dumpable again":           func(prey) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
}

// atFiles are those of [attacks] that nothing but Landlock keeps from a file that everybody may use.
var atFiles = []string{
	"read the command of the parent", "read a file of the workspace", "list the workspace", "read /etc/passwd",
	"write to the workspace", "write to the common temp folder",
}

// atParent are those that being another user is enough against, whatever the kernel offers beyond that.
var atParent = []string{
	"read the environment of the parent", "read the memory map of the parent", "read the memory of the parent",
	"list the handles of the parent", "attach to the parent", "signal the parent", "use an inherited handle",
	"write to the layout", "mount", "become root", "raise a limit",
}

// harmless are attacks that work without confinement for any user: that they do shows that
// what they try would work.
var harmless = []string{
	"open the parent by number", "use an inherited handle", "connect to the Docker socket",
	"connect to an abstract socket", "connect by TCP", "send by UDP", "listen on TCP", "make a pair of sockets",
	"read the command of the parent", "read a file of the workspace", "list the workspace", "read /etc/passwd",
	"leave its own folder by a link", "write to the workspace", "write to the common temp folder",
	"make a socket in its own folder", "execute itself", "execute what it wrote", "execute what is in memory",
	"make a process", "make memory executable", "become dumpable again",
}

func unpackedLayer(layout string) string { return filepath.Join(layout, "contents", "layer") }

func readable(path ...string) error { _, err := os.ReadFile(filepath.Join(path...)); return err }

func throughLink(p prey) error {
	link := filepath.Join(os.TempDir(), "link")
	if err := os.Symlink(p.Secret, link); err != nil {
		return err
	}
	return readable(link)
}

func writable(path ...string) error {
	at := filepath.Join(path...)
	defer os.Remove(at)
	return os.WriteFile(at, []byte("!"), 0o600)
}

func dial(network, address string) error {
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("!"))
	return err
}

func buffer() []unix.Iovec { b := new(byte); return []unix.Iovec{{Base: b, Len: 1}} }

func call(number uintptr, a, b uintptr) error {
	_, _, errno := unix.Syscall(number, a, b, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// inherited looks for a file with content among the handles.
func inherited(prey) error {
	for fd := range 100 {
		var at unix.Stat_t
		if fd > 2 && unix.Fstat(fd, &at) == nil && at.Size > 0 { // the runtime's own have none
			return nil
		}
	}
	return errors.New("there is none")
}

func execute(program string) error {
	return exec.Command(program, "-test.run=^$").Run()
}

func executeWritten(prey) error {
	at := filepath.Join(os.TempDir(), "program")
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		program = []byte("#!/bin/true\n")
	}
	if err := os.WriteFile(at, program, 0o700); err != nil {
		return err
	}
	return execute(at)
}

func executeMemory(prey) error {
	fd, err := unix.MemfdCreate("program", 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, program); err != nil {
		return err
	}
	return execute(fmt.Sprintf("/proc/self/fd/%d", fd))
}

func fork() error {
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func mapped(protection int) error {
	m, err := unix.Mmap(-1, 0, 4096, protection, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return unix.Munmap(m)
}

// before is a thread that is there before the confinement.
var before = make(chan func())

// confined confines this process as main does, with more than one thread.
func confined() error {
	go func() {
		runtime.LockOSThread()
		for f := range before {
			f()
		}
	}()
	return sbom.Confine(time.Hour, os.Stdout)
}

func attack(layout string) int {
	var p prey
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(layout, "prey.json"))), &p); err != nil {
		return 1
	}
	return try(attacks, p)
}

// try tries all attacks on a target, in a thread that was there before the confinement and in one that
// was not, and answers with the errors: "" is success.
func try[T any](attacks map[string]func(T) error, target T) int {
	results := map[string]string{}
	all := func() {
		for name, f := range attacks {
			if err := f(target); err == nil {
				results[name] = ""
			} else if _, succeeded := results[name]; !succeeded || results[name] != "" {
				results[name] = err.Error()
			}
		}
	}
	all()
	if os.Args[0] != unconfined {
		done := make(chan bool)
		before <- func() { all(); close(done) }
		<-done
	}
	answer(string(must(json.Marshal(results))))
	return 0
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newPrey listens on sockets, and has a workspace, for everybody.
func newPrey(t *testing.T, layout string) prey {
	t.Helper()
	common := workDir(t)
	p := prey{Parent: os.Getpid(), Workspace: filepath.Join(common, "workspace"), Layout: layout}
	p.Secret = filepath.Join(p.Workspace, "secret")
	writeFile(t, p.Secret, []byte("secret"))
	p.Sock = filepath.Join(p.Workspace, "docker.sock")
	p.Abstract = filepath.Base(common)
	config := net.ListenConfig{}
	for address, network := range map[*string]string{&p.TCP: "tcp", &p.Sock: "unix", &p.Abstract: "abstract"} {
		at := *address
		switch network {
		case "tcp":
			at = "127.0.0.1:0"
		case "abstract":
			network, at = "unix", "@"+at
		}
		l, err := config.Listen(t.Context(), network, at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if network == "tcp" {
			p.TCP = l.Addr().String()
		}
	}
	u, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	p.UDP = u.LocalAddr().String()
	for _, open := range []string{p.Workspace, p.Sock} {
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(layout, "prey.json"), must(json.Marshal(p)))
	layer := unpackedLayer(layout)
	if err := os.Mkdir(filepath.Dir(layer), 0o750); err != nil {
		t.Fatal(err)
	}
	writeFile(t, layer, []byte("of another child"))
	if os.Geteuid() == 0 { // as Unpack has it
		for _, path := range []string{layer, filepath.Dir(layer)} {
			if err := os.Chown(path, 65533, 65532); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}
