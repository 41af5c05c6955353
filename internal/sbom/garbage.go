package sbom

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// garbage is how many percent of what is in use there may be beside it, of which Go's default is
// 100. The index of the files is most of it, and stays.
const garbage = 75

// A heap may have that many bytes before there is any need to collect garbage. One that small
// would be collected every few megabytes, and each time, the other processor too is at work for
// it, which another child needs.
const (
	roomAtStart = 64 << 20  // until the matcher of licenses is made: several may do nothing else
	roomAtMost  = 256 << 20 // then
)

// roomAtWork is less than roomAtMost where memory is short: four children may be there.
func roomAtWork() uint64 {
	return min(roomAtMost, uint64(debug.SetMemoryLimit(-1))/4) //nolint:gosec // a limit is positive
}

// leastHeap is from which size on Go collects garbage at 100 percent, and in proportion.
const leastHeap = 4 << 20

// collect sets how much garbage there may be until ctx is done, as Go knows no least size. It
// looks by itself at what is left after a collection: a finalizer, which would be told of it,
// waits until processors are idle.
func collect(ctx context.Context, room *atomic.Uint64) {
	left := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for set := 0; ctx.Err() == nil; <-look.C {
		metrics.Read(left)
		if percent := percentOf(left[0].Value.Uint64(), room.Load()); percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
	}
}

// percentOf is how much garbage there may be beside what is in use, in percent of it.
func percentOf(inUse, room uint64) int {
	inUse = max(inUse, leastHeap)
	return max(garbage, int(room*100/inUse)-100) //nolint:gosec // at most some thousands
}
