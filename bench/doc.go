// Package bench has no code. Its benchmarks measure what the running server
// costs, from outside: processor time per publisher, and answers as the number
// of sessions grows. What a single package costs is measured beside its code.
package bench
