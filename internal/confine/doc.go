// Package confine takes away from a process what it does not need, by what Linux offers.
//
// [Child] is for a process that parses hostile bytes. It keeps two folders, its open
// handles, memory, threads and a clock, and loses the rest: all other files, programs,
// sockets, other processes. [Parent] is for the process that holds secrets: it closes it to
// other processes of its user. Both cover all threads and cannot be taken back.
//
// Four layers of the kernel do it, and none relies on another: resource limits,
// no_new_privs, Landlock (files, TCP, signals, abstract sockets), and seccomp (an allow list
// of system calls). The first two are everywhere; the others are used where the kernel
// offers them, and [Child] says which were. The user of the process is the business of who
// starts it.
package confine
