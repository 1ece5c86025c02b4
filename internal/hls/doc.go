// Package hls turns access units into segments and playlists, and keeps the
// window of a live rendition in memory.
//
// It opens no socket (package playback does) and knows no channel: what may be
// watched by whom is decided elsewhere.
package hls
