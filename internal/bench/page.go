package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// latency is how long each request takes besides, in the second half of the cells.
const latency = 50 * time.Millisecond

// A report is all that was measured.
type report struct {
	rounds    int
	cells     []*cell
	curves    []*curve
	start     sample            // seconds to the first request
	imageSize int64             // bytes, compressed
	versions  map[string]string // of the peers: syft, and cosign by format
}

// name is how the page calls a contender.
func (r *report) name(c contender) string {
	switch {
	case c == theFloor:
		return "floor"
	case c.column == "":
		return "seal-image, " + string(c.format)
	default:
		return "syft, cosign " + r.versions[string(c.format)] + ", " + c.column
	}
}

func (r *report) cell(name string, delay time.Duration) *cell {
	for _, c := range r.cells {
		if c.image.Name == name && c.delay == delay {
			return c
		}
	}
	return nil
}

// writeHead says what was measured on, and with.
func (r *report) writeHead(w io.Writer) {
	fmt.Fprintf(w, "%s; %s; syft %s, cosign %s and %s.\n%s\n\n", machine(), runtime.Version(), r.versions["syft"], r.versions[string(legacy)], r.versions[string(bundle)], r.many())
}

// many says how often each ran.
func (r *report) many() string {
	if r.rounds == 1 {
		return "One run each."
	}
	return fmt.Sprintf("Medians of %d runs; spread is the least and the most.", r.rounds)
}

func (r *report) write(w io.Writer) {
	r.writeHead(w)
	fmt.Fprint(w, "| work | goal | measured against the peer at its defaults (bundle, legacy) | with the same selection of files | met |\n|---|---|---|---|---|\n")
	for _, g := range r.goals() {
		fmt.Fprintln(w, g.row())
	}
	fmt.Fprintf(w, "\n## In detail\n\n%s\n", r.cell("large", 0).image.content)
	for _, c := range r.cells {
		r.writeCell(w, c)
	}
	r.writeRequests(w)
	r.writeTwice(w)
	r.writePackages(w)
	fmt.Fprint(w, "\n## Growth\n")
	for _, c := range r.curves {
		r.writeCurve(w, c)
	}
}

// machine is e.g. "2 cores, 24 GiB, linux amd64".
func machine() string {
	memory := ""
	for line := range strings.Lines(read("/proc/meminfo")) {
		if fields := strings.Fields(line); fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			memory = fmt.Sprintf("%.0f GiB, ", math.Ceil(kib/(1<<20))) // the kernel keeps a part for itself
		}
	}
	return fmt.Sprintf("%d cores, %s%s %s", runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH)
}

var order = []contender{
	{format: bundle},
	{bundle, columns[0].name},
	{bundle, columns[1].name},
	{format: legacy},
	{legacy, columns[0].name},
	{legacy, columns[1].name},
	theFloor,
}

func (r *report) writeCell(w io.Writer, c *cell) {
	fmt.Fprintf(w, "\n### %s, %d ms for each request\n\n", titles[c.image.Name], c.delay.Milliseconds())
	fmt.Fprint(w, "| | wall, s | spread | action ÷ this | processor, s | memory, MB | pulled, MB | requests to the registry | to others |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, who := range order {
		walls := c.of(who, wall)
		if walls == nil {
			continue
		}
		quotient := ""
		if who.column != "" || who == theFloor {
			f := who.format
			if who == theFloor {
				f = bundle
			}
			quotient = fmt.Sprintf("%.2f", ratio(c.of(contender{format: f}, wall), walls))
		}
		fmt.Fprintf(w, "| %s | %.2f | %.2f to %.2f | %s | %.2f | %.0f | %.1f | %.0f | %.0f |\n", r.name(who), walls.median(), walls[0], walls[len(walls)-1], quotient,
			c.of(who, cpu).median(), c.of(who, memory).median()/1e6, c.of(who, pulled).median()/1e6, c.of(who, requests).median(), c.of(who, others).median())
	}
}

// writeRequests says whom a run asks and why, and what the peer asks.
func (r *report) writeRequests(w io.Writer) {
	c := r.cell("small", latency)
	fmt.Fprintf(w, "\n## Requests of one run: %s\n\n", titles[c.image.Name])
	whose := []contender{{format: bundle}, {bundle, columns[0].name}, {format: legacy}, {legacy, columns[0].name}}
	fmt.Fprint(w, "| service |")
	names := map[string]bool{}
	for _, who := range whose {
		fmt.Fprintf(w, " %s |", r.name(who))
		for _, name := range c.runs[who][0].record.services() {
			names[name] = true
		}
	}
	fmt.Fprint(w, "\n|---|--:|--:|--:|--:|\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(w, "| %s |", name)
		for _, who := range whose {
			in, out := c.runs[who][0].record.bytes(name)
			fmt.Fprintf(w, " %d, %s |", c.runs[who][0].record.to(name), kilobytes(in+out))
		}
		fmt.Fprintln(w)
	}
	for _, f := range []format{bundle, legacy} {
		fmt.Fprintf(w, "\nWhy the action sends each, %s:\n\n| | request | why |\n|--:|---|---|\n", f)
		kinds := c.runs[contender{format: f}][0].record.kinds()
		if f == legacy { // all other services are asked the same
			maps.DeleteFunc(kinds, func(kind string, _ int) bool { return !strings.HasPrefix(kind, registry) })
		}
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			fmt.Fprintf(w, "| %d | `%s` | %s |\n", kinds[kind], kind, why(kind))
		}
	}
}

// writeTwice says what the action fetched more than once, of all images and formats.
func (r *report) writeTwice(w io.Writer) {
	var found []string
	for _, c := range r.cells {
		for _, f := range []format{bundle, legacy} {
			for _, run := range c.runs[contender{format: f}] {
				for _, name := range run.record.twice(c.image.Top.Digest.String()) {
					found = append(found, fmt.Sprintf("%s, %s: %s", titles[c.image.Name], f, name))
				}
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if found == nil {
		fmt.Fprint(w, "\nNo run of the action fetched a blob or a manifest twice, of no image and in no format.\n")
		return
	}
	fmt.Fprintf(w, "\nFetched more than once by one run:\n\n- %s\n", strings.Join(found, "\n- "))
}

func kilobytes(n int64) string { return fmt.Sprintf("%.0f kB", float64(n)/1000) }

// writePackages says whether both found the same packages.
func (r *report) writePackages(w io.Writer) {
	fmt.Fprint(w, "\n## The same packages\n\n| image | in both | of the action alone | of syft's program alone |\n|---|--:|---|---|\n")
	for _, c := range r.cells {
		if c.delay == 0 {
			fmt.Fprintf(w, "| %s | %d | %s | %s |\n", titles[c.image.Name], c.sets.common, few(c.sets.oursOnly), few(c.sets.peersOnly))
		}
	}
}

func few(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%d, e.g. `%s`", len(names), names[0])
	}
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// begin and end mark the part of a page that a command writes.
const begin, end = "<!-- %s: written by `make %s` -->\n", "<!-- end of %s -->\n"

// replace writes the part of the page that the command owns; the rest stays.
func replace(file, command, text string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := fmt.Sprintf(begin, command, command), fmt.Sprintf(end, command)
	before, rest, ok := strings.Cut(string(content), from)
	_, after, closed := strings.Cut(rest, to)
	if !ok || !closed {
		return fmt.Errorf("%s has no part %q", file, command)
	}
	return os.WriteFile(file, []byte(before+from+text+to+after), 0o644)
}
