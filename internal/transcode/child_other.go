//go:build !linux

package transcode

import (
	"os/exec"
	"syscall"
)

// confine has the child be the first of a process group of its own.
func confine(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// limit is only known on Linux.
func limit(int) {}

// end kills the group.
func (c *child) end() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
