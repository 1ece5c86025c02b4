//go:build !linux

package main

import "openivs/internal/config"

// checkDisk is only known on Linux.
func checkDisk(string, config.Free) finding {
	return finding{warn, "disk", "not checked on this system", "see that there is room"}
}

// checkClock is only known on Linux.
func checkClock() finding {
	return finding{warn, "clock", "not checked on this system", "see that an NTP client runs"}
}
