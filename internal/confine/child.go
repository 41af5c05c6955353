package confine

import (
	"fmt"
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rules are what a process keeps.
type Rules struct {
	Read  string // folder to read
	Write string // folder to read, write and make files and folders in

	Memory   uint64 // bytes of heap and stacks; 0: any
	FileSize uint64 // bytes of one file
	CPU      uint64 // seconds of processor time
}

// Child confines this process and all that it starts later. It returns what is active, for a
// log: e.g. "no-new-privs, landlock 7, seccomp". A protection that the kernel does not have is
// left out; one that it has and does not give is an error.
func Child(r Rules) (active string, err error) {
	names := []string{"no-new-privs"}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return "", fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := undumpable(); err != nil {
		return "", err
	}
	if err := r.limit(); err != nil {
		return "", err
	}
	abi, err := r.landlock()
	if err != nil {
		return "", err
	}
	if abi > 0 {
		names = append(names, fmt.Sprintf("landlock %d", abi))
	}
	filtered, err := filterCalls(os.Getpid())
	if err != nil {
		return "", err
	}
	if filtered {
		names = append(names, "seccomp")
	}
	return strings.Join(names, ", "), nil
}

// undumpable makes root alone read the process through /proc, and lets nobody of its own user
// attach to it. It leaves no core file either.
// https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
func undumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set undumpable: %w", err)
	}
	return lower(unix.RLIMIT_CORE, 0)
}

// maxFiles bounds open files: a layer has one for as long as the image is read.
const maxFiles = 4096

// limit sets resource limits. It has none for address space, which the Go runtime reserves in
// large pieces, and none for processes, which are counted over all of the user's: those of
// other containers too.
// https://man7.org/linux/man-pages/man2/getrlimit.2.html
func (r Rules) limit() error {
	limits := map[int]uint64{unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_FSIZE: r.FileSize, unix.RLIMIT_CPU: r.CPU}
	if r.Memory > 0 {
		limits[unix.RLIMIT_DATA] = r.Memory
	}
	for resource, most := range limits {
		if err := lower(resource, most); err != nil {
			return err
		}
	}
	return nil
}

// lower sets soft and hard limit, for which no right is needed unless they rise.
func lower(resource int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return fmt.Errorf("get resource limit %d: %w", resource, err)
	}
	most = min(most, now.Max)
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
		return fmt.Errorf("set resource limit %d: %w", resource, err)
	}
	return nil
}

// landlock forbids files other than those of the rules, execution, TCP, and signals and
// abstract sockets to others, as far as this kernel can. It returns the kernel's version of
// the interface; 0 if it has none.
// https://docs.kernel.org/userspace-api/landlock.html
func (r Rules) landlock() (abi int, err error) {
	const read = landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSReadDir)
	const write = read | landlock.AccessFSSet(ll.AccessFSWriteFile|ll.AccessFSTruncate|
		ll.AccessFSMakeReg|ll.AccessFSMakeDir|ll.AccessFSRemoveFile|ll.AccessFSRemoveDir)
	abi, err = ll.LandlockGetABIVersion()
	if err != nil {
		return 0, nil //nolint:nilerr // ENOSYS or EOPNOTSUPP: no Landlock, also where a container's filter hides it
	}
	err = landlock.V11.BestEffort().Restrict(landlock.PathAccess(read, r.Read), landlock.PathAccess(write, r.Write))
	if err != nil {
		return 0, fmt.Errorf("restrict files: %w", err)
	}
	return abi, nil
}
