package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"openivs/internal/config"
)

const (
	tooFew    = 256 << 20 // below this, a database may stop in the middle of a write
	unsynched = 0x40      // STA_UNSYNC (adjtimex(2))
)

// checkDisk looks at the file system that holds, or will hold, a directory.
func checkDisk(dir string, want config.Free) finding {
	const what = "disk"
	var st syscall.Statfs_t
	err := syscall.Statfs(dir, &st)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		err = syscall.Statfs(dir, &st)
	}
	if err != nil {
		return finding{fail, what, err.Error(), "see that the data directory can be reached"}
	}
	free := st.Bavail * uint64(st.Bsize) //nolint:gosec // a block size is positive
	found := fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	switch {
	case free < tooFew:
		return finding{fail, what, found, "make room, or move the data directory"}
	case free < uint64(want.Recordings): //nolint:gosec // a size is not negative
		return finding{warn, what, found + ": no recording begins", "make room, or lower --disk-recordings"}
	case free < uint64(want.Thumbnails): //nolint:gosec // a size is not negative
		return finding{warn, what, found + ": no thumbnails are made", "make room, or lower --disk-thumbnails"}
	case free < uint64(want.Warn): //nolint:gosec // a size is not negative
		return finding{warn, what, found, "make room: recordings and the database grow"}
	}
	return finding{fine, what, found, ""}
}

// checkClock asks the kernel whether something keeps its clock right.
func checkClock() finding {
	const what = "clock"
	const cure = "run an NTP client such as systemd-timesyncd or chrony: requests whose time is more than 15 minutes off are refused"
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		return finding{warn, what, "the kernel does not say whether it is right: " + err.Error(), cure}
	}
	if t.Status&unsynched != 0 {
		return finding{warn, what, "nothing keeps it right", cure}
	}
	return finding{fine, what, "synchronised", ""}
}
