package sigstore

import "fmt"

// recovered turns a panic over foreign bytes into an error: the libraries dereference what
// an answer may lack.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("malformed: %v", r)
	}
}

// guarded calls a library with foreign bytes.
func guarded[T any](call func() (T, error)) (out T, err error) {
	defer recovered(&err)
	return call()
}
