// Package arch has no code. Its tests keep the map of the project true: which
// package may import which, how long things may grow, and that the paths our
// documents name exist.
package arch
