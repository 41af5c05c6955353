package sbom

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a child may write beside the layers, removed or not. It is mostly archives in archives, of which
// a parser makes a copy on each level. Such a one hardly expands any more, so that an honest image takes
// a few times its size.
const (
	maxUnpacked      = 4 << 30 // bytes, and in addition
	unpackedRatio    = 20      // times the size of the layout
	maxUnpackedFiles = 50_000  // at one time
)

// layersFolder begins the name of the folder in TMPDIR that has the layers, which have limits of
// their own.
const layersFolder = "layers"

type unpackedError struct{ most uint64 }

func (e unpackedError) Error() string {
	return fmt.Sprintf("unpack to more than %d MiB or %d files", e.most>>20, maxUnpackedFiles)
}

// watchUnpacked adds up what the child writes until ctx is done, and ends it by stop when it is too
// much. It sees what is there for longer than a pause.
func (l Limits) watchUnpacked(ctx context.Context, tmp, layout string, stop context.CancelCauseFunc) {
	var written, before uint64
	pause := time.NewTimer(watchEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		start := time.Now()
		now, files := sizeBelow(tmp, layersFolder)
		written += now - min(now, before)
		before = now
		if files > maxUnpackedFiles || written > l.unpacked(0) {
			image, _ := sizeBelow(layout, contentsFolder)
			if most := l.unpacked(image); files > maxUnpackedFiles || written > most {
				stop(unpackedError{most})
			}
		}
		pause.Reset(min(max(watchEvery, 10*time.Since(start)), time.Second))
	}
}

// unpacked is the number of bytes that may be written for a layout of a size.
func (l Limits) unpacked(size uint64) uint64 {
	if l.Unpacked > 0 {
		return l.Unpacked
	}
	return maxUnpacked + unpackedRatio*size
}

// sizeBelow is the size of all files below a folder that another user may change meanwhile, and the number
// of its files and folders, which it stops counting beyond the limit. It leaves out the folders in dir that begin with except.
func sizeBelow(dir, except string) (size uint64, entries int) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, 0
	}
	defer root.Close()
	for todo := []string{"."}; len(todo) > 0 && entries <= maxUnpackedFiles; {
		last := len(todo) - 1
		folder := todo[last]
		todo = todo[:last]
		list(root, folder, func(e fs.DirEntry) bool {
			entries++
			at := path.Join(folder, e.Name())
			switch {
			case !e.IsDir():
				if info, err := e.Info(); err == nil { // else removed meanwhile
					size += uint64(max(info.Size(), 0))
				}
			case len(at) > maxPath:
				entries = maxUnpackedFiles + 1 // no path of a parser
			case folder != "." || !strings.HasPrefix(at, except):
				todo = append(todo, at)
			}
			return entries <= maxUnpackedFiles
		})
	}
	return size, entries
}

// list visits the entries of a folder, which may have millions, until visit says no.
func list(root *os.Root, folder string, visit func(fs.DirEntry) bool) {
	f, err := root.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	for err == nil {
		var entries []fs.DirEntry
		entries, err = f.ReadDir(1000)
		for _, e := range entries {
			if !visit(e) {
				return
			}
		}
	}
}
