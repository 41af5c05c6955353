package sbom

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sys/unix"
)

// Limits bound what a child takes.
type Limits struct {
	Time     time.Duration // for one image, from when all of its layers are there
	Memory   uint64        // bytes; 0: a share of what the machine or the container has
	FreeDisk uint64        // bytes that must stay free where TMPDIR is; 0: 256 MiB
	Unpacked uint64        // bytes that archives in the image may unpack to; 0: 4 GiB and 20 times its size
}

// memory is the number of bytes of a child; 0 where it cannot be known. Two that catalog and two
// that unpack work at a time, two wait, and the parent and the page cache live too.
func (l Limits) memory() uint64 {
	if l.Memory > 0 {
		return l.Memory
	}
	const share = 0.4
	limit, err := memlimit.ApplyRatio(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem), share)()
	if err != nil {
		return 0
	}
	return limit
}

// toUnpack are the limits of a child that unpacks. It has windows of compressed layers and no
// more.
func (l Limits) toUnpack() Limits {
	l.Memory = l.memory() / 4
	return l
}

// heap is from where on the child's runtime collects garbage as hard as it can.
func (l Limits) heap() uint64 { return l.memory() / 6 * 5 }

func (l Limits) freeDisk() uint64 {
	if l.FreeDisk > 0 {
		return l.FreeDisk
	}
	return 256 << 20
}

// What the parent ended a child for.
var errTooSlow = errors.New("the time for one image is over")

type (
	memoryError struct{ has, most uint64 }
	diskError   struct{ free, least uint64 }
)

func (e memoryError) Error() string {
	return fmt.Sprintf("the cataloger has %d MiB of memory; %d MiB are its share", e.has>>20, e.most>>20)
}

func (e diskError) Error() string {
	return fmt.Sprintf("%d MiB are free on the disk; %d MiB are to stay free", e.free>>20, e.least>>20)
}

// watchEvery is how often the parent looks at a child: the time in which one may grow or write
// beyond its limit.
const watchEvery = 50 * time.Millisecond

// watch looks at the process until ctx is done, and ends it by stop when it takes too much.
func (l Limits) watch(ctx context.Context, pid int, tmp string, stop context.CancelCauseFunc) {
	most, least := l.memory(), l.freeDisk()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if has, err := resident(pid); err == nil && most > 0 && has > most {
			stop(memoryError{has, most})
		}
		if free, err := freeDisk(tmp); err == nil && free < least {
			stop(diskError{free, least})
		}
	}
}

// resident is the memory of a process that no file backs, in bytes. Pages of files are the
// kernel's to take back.
// https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
func resident(pid int) (uint64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 3 {
		return 0, errors.New("statm has too few fields")
	}
	all, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, err
	}
	backed, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return 0, err
	}
	return (all - min(all, backed)) * uint64(os.Getpagesize()), nil //nolint:gosec // a page has a positive size
}

// freeDisk is what an ordinary user may still write below the folder, in bytes.
func freeDisk(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block has a positive size
}
