package confine

import (
	"reflect"
	"slices"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
)

// Program is the filter for a process on an architecture, which the library takes from the machine it is on.
func Program(pid int, on *arch.Info) ([]bpf.Instruction, error) {
	p := policy(pid, on)
	field := reflect.ValueOf(&p).Elem().FieldByName("arch")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(on))
	return p.Assemble()
}

// Conditional are the names of the system calls that the filter does not know by their number
// alone, and that every architecture must have.
func Conditional() []string {
	names := []string{"clone3"}
	for _, c := range conditional(1) {
		names = append(names, c.Name)
	}
	return names
}

// Calls are the names of the system calls that stay, for some arguments or all.
func Calls() []string { return slices.Concat(calls, Conditional()[1:]) }
