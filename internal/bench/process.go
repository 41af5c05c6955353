package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a run took.
type usage struct {
	Wall, CPU time.Duration
	RSS       int64 // bytes of memory at the worst moment, of a process with all its descendants
}

// add is what two runs took that came one after the other.
func (u usage) add(next usage) usage {
	return usage{Wall: u.Wall + next.Wall, CPU: u.CPU + next.CPU, RSS: max(u.RSS, next.RSS)}
}

const (
	between     = 20 * time.Millisecond // looks at the memory
	searchEvery = 5                     // looks: for new descendants, which takes longer
)

// measure runs a command. The processor time is of all descendants that were waited for.
func measure(cmd *exec.Cmd) (usage, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	if cmd.Stdout == nil {
		cmd.Stdout = &said
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watch(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	u := usage{Wall: time.Since(start)}
	close(ended)
	u.RSS = <-peak
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, tail(said.Bytes()))
	}
	return u, err
}

func tail(words []byte) []byte { return words[max(0, len(words)-4096):] }

// watch is the most memory that a process and its descendants have had together.
func watch(pid int, ended <-chan struct{}) (peak int64) {
	ticks := time.NewTicker(between)
	defer ticks.Stop()
	var family []string
	for n := 0; ; n++ {
		if n%searchEvery == 0 {
			family = descendants(strconv.Itoa(pid))
		}
		sum := int64(0)
		for _, member := range family {
			sum += resident(member)
		}
		peak = max(peak, sum)
		select {
		case <-ended:
			return peak
		case <-ticks.C:
		}
	}
}

// descendants are a process and all that it has started, and what these have.
func descendants(pid string) []string {
	family := []string{pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	children := map[string][]string{}
	for _, file := range stats {
		// The name, in parentheses, may have spaces; the state and the parent follow.
		stat := read(file)
		fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
		if len(fields) > 1 {
			children[fields[1]] = append(children[fields[1]], filepath.Base(filepath.Dir(file)))
		}
	}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
	}
	return family
}

// resident is the memory of a process in bytes, with the pages that it shares with others.
func resident(pid string) int64 {
	fields := strings.Fields(read("/proc", pid, "statm"))
	if len(fields) < 2 {
		return 0 // it has ended
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// read is the content of a file of /proc; "" when the process has ended.
func read(path ...string) string {
	content, _ := os.ReadFile(filepath.Join(path...))
	return string(content)
}
