//go:build !linux

package app

import "openivs/internal/operator"

// diskOf is not known here.
func diskOf(string) *operator.Disk { return nil }
