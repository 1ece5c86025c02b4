package app

import (
	"syscall"

	"openivs/internal/operator"
)

// diskOf says how much there is where a directory is.
func diskOf(dir string) *operator.Disk {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return nil
	}
	size := uint64(st.Bsize) //nolint:gosec // a block size is positive
	return &operator.Disk{Path: dir, Total: st.Blocks * size, Free: st.Bavail * size}
}
