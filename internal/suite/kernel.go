package suite

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Without runs this program anew with other arguments, as on a kernel that does not have system calls: a filter,
// which the processes that it starts inherit, lets them fail with ENOSYS. It returns
// only an error.
func Without(calls []uint32, args ...string) error {
	const number = 0 // where a filter sees the number of the call
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for _, call := range calls {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]} //nolint:gosec // a few instructions
	runtime.LockOSThread()                                                  // the one that goes on
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0) //nolint:gosec // the kernel reads it
	}
	if err == nil {
		err = unix.Exec("/proc/self/exe", args, os.Environ())
	}
	return fmt.Errorf("go on without the system calls %v: %w", calls, err)
}

// What confines the child, by the system calls that each begins with.
var (
	Landlock = []uint32{unix.SYS_LANDLOCK_CREATE_RULESET}
	Both     = []uint32{unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_SECCOMP}
)
