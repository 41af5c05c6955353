package confine_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"seal-image/internal/confine"
)

const (
	allowed = uint32(seccomp.ActionAllow)
	eperm   = uint32(seccomp.ActionErrno) | uint32(unix.EPERM)
	enosys  = uint32(seccomp.ActionErrno) | uint32(unix.ENOSYS)
)

// pid is the process of the filter.
const pid = 4242

// conditions are arguments that each conditional call is allowed with, and others.
var conditions = map[string]struct{ good, bad [][3]uint64 }{
	"clone":     {[][3]uint64{{unix.CLONE_THREAD | unix.CLONE_VM | unix.CLONE_SIGHAND}}, [][3]uint64{{}, {uint64(unix.SIGCHLD)}, {unix.CLONE_NEWUSER}, {unix.CLONE_VM | unix.CLONE_VFORK}}},
	"mmap":      {[][3]uint64{{0, 1, unix.PROT_READ | unix.PROT_WRITE}, {}}, [][3]uint64{{0, 1, unix.PROT_EXEC}, {0, 1, unix.PROT_READ | unix.PROT_EXEC}, {0, 1, 7 | 1<<40}}},
	"mprotect":  {[][3]uint64{{0, 1, unix.PROT_READ}}, [][3]uint64{{0, 1, unix.PROT_EXEC}, {0, 1, 7}}},
	"kill":      {[][3]uint64{{pid, 9}}, [][3]uint64{{1}, {pid + 1}, {1<<64 - 1}, {1<<64 - pid}, {0}}},
	"tgkill":    {[][3]uint64{{pid, pid, 1}}, [][3]uint64{{1, 1}, {pid + 1, pid}}},
	"prctl":     {[][3]uint64{{unix.PR_SET_VMA}}, [][3]uint64{{unix.PR_SET_DUMPABLE, 1}, {unix.PR_SET_SECCOMP}, {unix.PR_SET_PTRACER}, {0}}},
	"prlimit64": {[][3]uint64{{0, unix.RLIMIT_NOFILE}}, [][3]uint64{{0, unix.RLIMIT_NOFILE, 1 << 20}, {1, 1, 1 << 40}}},
}

// The filter's program, run as the kernel runs it, for each architecture of the action: what is on the list
// passes, with the arguments that it may have, and all other calls that the architecture has are refused.
func TestFilter(t *testing.T) {
	t.Parallel()
	for _, here := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		t.Run(here.Name, func(t *testing.T) {
			t.Parallel()
			program, err := confine.Program(pid, here)
			if err != nil {
				t.Fatal(err)
			}
			machine, err := bpf.NewVM(program)
			if err != nil {
				t.Fatal(err)
			}
			check := func(want uint32, architecture, call uint32, args [3]uint64) {
				t.Helper()
				if got := decide(t, machine, architecture, call, args); got != want {
					t.Errorf("%s%v is answered %#x, want %#x", here.SyscallNumbers[int(call)], args, got, want)
				}
			}
			counts := map[uint32]int{}
			for _, name := range slices.Sorted(maps.Keys(here.SyscallNames)) {
				call := uint32(here.SyscallNames[name])
				want := eperm
				switch c, conditional := conditions[name]; {
				case conditional:
					for _, args := range c.good {
						check(allowed, uint32(here.ID), call, args)
					}
					for _, args := range c.bad {
						check(eperm, uint32(here.ID), call, args)
					}
					continue
				case slices.Contains(confine.Calls(), name):
					want = allowed
				case name == "clone3":
					want = enosys
				}
				counts[want]++
				check(want, uint32(here.ID), call, [3]uint64{})
				check(want, uint32(here.ID), call, [3]uint64{1<<64 - 1, 1<<64 - 1, 1<<64 - 1})
				check(eperm, uint32(arch.I386.ID), call, [3]uint64{})
			}
			t.Logf("of %d calls, %d pass, %d with some arguments, %d are refused", len(here.SyscallNames), counts[allowed], len(conditions), counts[eperm])
			for _, call := range []uint32{1000, 1 << 20, 1<<30 + 1, 1<<32 - 1} {
				if decide(t, machine, uint32(here.ID), call, [3]uint64{}) == allowed {
					t.Errorf("the call %d, which no kernel has, passes", call)
				}
			}
		})
	}
}

// TestFilterConditions: all calls with conditions are tried above.
func TestFilterConditions(t *testing.T) {
	t.Parallel()
	if want, got := fmt.Sprint(slices.Sorted(slices.Values(confine.Conditional()[1:]))), fmt.Sprint(slices.Sorted(maps.Keys(conditions))); want != got {
		t.Errorf("calls with conditions are %s, tried are %s", want, got)
	}
}

// decide runs the program on what the kernel shows a filter of a call. The machine reads words as of a
// packet, big-endian, and the kernel in the order of the processor.
// https://docs.kernel.org/userspace-api/seccomp_filter.html
func decide(t *testing.T, machine *bpf.VM, architecture, call uint32, args [3]uint64) uint32 {
	t.Helper()
	words := []uint32{call, architecture, 0, 0}
	for _, a := range args {
		words = append(words, uint32(a), uint32(a>>32)) // the low half first
	}
	data := make([]byte, 64)
	for i, w := range words {
		binary.BigEndian.PutUint32(data[4*i:], w)
	}
	answer, err := machine.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(answer)
}
