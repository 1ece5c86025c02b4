// Package hlsreader watches a live HLS stream as the strictest of players would:
// it reloads as RFC 8216bis allows, fetches everything that is announced, and
// says what is wrong with any of it.
//
// It decodes nothing itself: whoever uses it brings a decoder.
package hlsreader
