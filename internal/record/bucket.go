// Package record keeps what is published of streams, in the layout of Amazon IVS:
// finished segments come from package hls as they are, wait in a spool on disk, and
// go into a bucket.
//
// It knows no storage: packages blob/disk and blob/s3 are buckets, without knowing
// what for. Which sessions are recorded is up to whoever begins recordings.
package record

import (
	"context"
	"io"
)

// A Bucket is all that a recording asks of object storage. Its methods may be
// called from any goroutine.
type Bucket interface {
	// Put stores size bytes of body under a key; body may be read more than once.
	// Once it has returned nil, the object survives a power cut. What was there
	// under the key is replaced as a whole: a reader sees the old object or the
	// new one, and the old one stays where Put fails.
	//
	// A key is one or more names with slashes between them: no name is empty,
	// "." or "..", and no object's key is the beginning of another's.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error

	// PutFile is Put of a file, which it may move to its place instead of copying
	// it: afterwards nothing, or the whole file, is left under its old name.
	PutFile(ctx context.Context, key, name string) error

	// An error of Put and PutFile that is fs.ErrNotExist or fs.ErrPermission is a
	// refusal. It may have a method Reason() string, for operators, which says more.

	// Probe says why nothing can be stored: fs.ErrNotExist if there is no such
	// bucket here, fs.ErrPermission if it is not ours to write to. It leaves
	// nothing behind in a bucket that lets it.
	Probe(ctx context.Context) error
}
