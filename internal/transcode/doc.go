// Package transcode makes renditions of a live H.264 stream, with ffmpeg in
// processes of its own: which renditions a channel type has, what ffmpeg is told
// to make them, and what becomes of a process that fails.
//
// It cuts nothing and serves nothing (package hls does), and knows no channel's
// viewers. Nothing here makes whoever writes units wait.
package transcode
