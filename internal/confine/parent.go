package confine

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Parent closes this process to others of its user: they can neither attach to it nor read
// its memory and its first environment through /proc; root with CAP_SYS_PTRACE still can. What
// it was started with beyond the three standard handles is not passed on to what it starts.
func Parent() error {
	if err := undumpable(); err != nil {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open handles: %w", err)
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
