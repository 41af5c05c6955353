package confine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// calls are the system calls that stay: what the Go runtime, reading and writing files, and
// SQLite on them take. Some exist on one architecture only. What is not here, and every call
// of a foreign architecture, fails with EPERM: sockets, execution, ptrace, mounts, namespaces,
// keys, BPF, io_uring, and what future kernels bring.
var calls = []string{
	// memory; mmap and mprotect are below
	"munmap", "madvise", "mremap", "mincore", "brk",
	// threads and signals; clone and kill are below
	"exit", "exit_group", "futex", "gettid", "getpid", "getppid", "sched_yield", "sched_getaffinity",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"set_robust_list", "rseq", "membarrier",
	// time
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"setitimer", "timer_create", "timer_settime", "timer_delete",
	// waiting
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe2",
	"poll", "ppoll", "select", "pselect6",
	// open files
	"read", "write", "pread64", "pwrite64", "readv", "writev", "lseek", "close", "dup", "dup3", "fcntl",
	"fstat", "fstatfs", "ftruncate", "fsync", "fdatasync", "fallocate", "fadvise64", "flock", "fchmod",
	"copy_file_range", "sendfile", "splice", "getdents64",
	// paths, which Landlock and the user bound
	"open", "openat", "openat2", "stat", "lstat", "newfstatat", "fstatat", "statx", "statfs", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2",
	"chmod", "fchmodat", "utimensat", "getcwd", "fchdir", "chdir", "umask",
	// what the process is
	"getuid", "geteuid", "getgid", "getegid", "getgroups", "uname", "sysinfo", "getrandom", "getrlimit", "getrusage",
}

// conditional are the calls that stay for some arguments.
func conditional(pid int) []seccomp.NameWithConditions {
	on := func(name string, argument uint32, is seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{
			{Argument: argument, Operation: is, Value: value},
		}}
	}
	self := uint64(pid) //nolint:gosec // a process id is positive
	return []seccomp.NameWithConditions{
		on("clone", 0, seccomp.BitsSet, unix.CLONE_THREAD), // a thread, and no process
		on("mmap", 2, seccomp.BitsNotSet, unix.PROT_EXEC),  // no new code
		on("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
		on("kill", 0, seccomp.Equal, self), // the runtime signals its own threads
		on("tgkill", 0, seccomp.Equal, self),
		on("prctl", 0, seccomp.Equal, unix.PR_SET_VMA), // the runtime names its memory
		on("prlimit64", 2, seccomp.Equal, 0),           // to read a limit
	}
}

// policy is the filter for a process on an architecture.
func policy(pid int, on *arch.Info) seccomp.Policy {
	lacks := func(name string) bool { _, ok := on.SyscallNames[name]; return !ok }
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, // which is EPERM
		Syscalls: []seccomp.SyscallGroup{
			{
				Action:             seccomp.ActionAllow,
				Names:              slices.DeleteFunc(slices.Clone(calls), lacks),
				NamesWithCondtions: conditional(pid),
			},
			// Its arguments are out of a filter's sight; who meets ENOSYS takes clone.
			{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
		},
	}
}

// filterCalls leaves the calls above to all threads; false if the kernel cannot.
// https://docs.kernel.org/userspace-api/seccomp_filter.html
func filterCalls(pid int) (bool, error) {
	if !seccomp.Supported() {
		return false, nil
	}
	here, err := arch.GetInfo("")
	if err != nil {
		return false, fmt.Errorf("make filter of system calls: %w", err)
	}
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy(pid, here)}
	if err := seccomp.LoadFilter(filter); err != nil {
		return false, fmt.Errorf("filter system calls: %w", err)
	}
	// With this flag the kernel says by a number, which the library drops, that a thread
	// could not be covered; then none is.
	if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); !errors.Is(err, unix.EPERM) {
		if err == nil {
			_ = unix.Close(fd)
		}
		return false, errors.New("filter system calls: the filter is not active on all threads")
	}
	return true, nil
}
