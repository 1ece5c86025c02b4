//go:build !linux

package server

import "syscall"

// Background is how this project's helpers start programs: in a process group
// of their own, so that Ctrl-C reaches only whoever started them.
func Background() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
