// Package ivs is the vocabulary of the service: channels, stream keys,
// sessions, events, health, errors, and the rules that are about nothing else.
//
// It does no input or output and starts no goroutine: package store keeps these
// values, packages control and session act on them.
package ivs
