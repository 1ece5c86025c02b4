package config

import (
	"fmt"
	"strconv"
)

// maxRoom is the largest size of a disk that anybody means, in MiB.
const maxRoom = 1 << 30

// A Recording is where recordings are stored.
type Recording struct {
	Store     string // "disk": directories below Data; or "s3"
	Endpoint  string // URL of a store that speaks S3; "": Amazon's
	Region    string // "": that of the server
	PathStyle bool   // buckets are in the path of URLs, not in their host
	Encrypt   bool   // S3 is told to encrypt what it stores, with keys of its own (SSE-S3)
	Spool     int64  // bytes that may wait for buckets
	Free      Free
}

// Free is how much has to be free on the disk, in bytes; 0: nothing has to.
type Free struct {
	Warn       int64 // or an operator is told
	Thumbnails int64 // or none are made
	Recordings int64 // or none begins
}

func whereItRecords() []Setting {
	return []Setting{
		{
			Name: "recording-store", Default: []string{"disk"},
			Help: "Where the buckets of recordings are: disk, which is the directory buckets in the data directory, or s3.",
			set:  text(func(c *Config) *string { return &c.Recording.Store }, isOneOf("disk", "s3")),
		},
		{
			Name: "s3-endpoint", Default: []string{""},
			Help: "URL of a store that speaks the protocol of Amazon S3; Amazon S3 itself unless set.",
			set:  text(func(c *Config) *string { return &c.Recording.Endpoint }, optional(isBase)),
		},
		{
			Name: "s3-region", Default: []string{""},
			Help: "Region of the buckets; that of the server unless set.",
			set:  text(func(c *Config) *string { return &c.Recording.Region }, optional(isRegion)),
		},
		{
			Name: "s3-path-style", Default: []string{"false"},
			Help: "Whether the bucket is in the path of a URL, as most stores but Amazon's need: true or false.",
			set:  setBool(func(c *Config) *bool { return &c.Recording.PathStyle }),
		},
		{
			Name: "s3-encryption", Default: []string{"bucket"},
			Help: "What encrypts recordings in S3: bucket, which leaves it to the bucket, or s3, which asks for SSE-S3 with each object.",
			set: func(c *Config, values []string) (wrong, cure string) {
				c.Recording.Encrypt = values[0] == "s3"
				return isOneOf("bucket", "s3")(values[0])
			},
		},
		{
			Name: "recording-spool", Default: []string{"8192"},
			Help: "How much of recordings may wait for their buckets, in MiB; a recording that needs more fails.",
			set:  mebibytes(1, func(c *Config) *int64 { return &c.Recording.Spool }),
		},
		{
			Name: "disk-warn", Default: []string{"5120"},
			Help: "Below how much free space on the disk the log warns, in MiB; 0 for never.",
			set:  mebibytes(0, func(c *Config) *int64 { return &c.Recording.Free.Warn }),
		},
		{
			Name: "disk-thumbnails", Default: []string{"2048"},
			Help: "Below how much free space on the disk no thumbnails are made, in MiB; 0 for never.",
			set:  mebibytes(0, func(c *Config) *int64 { return &c.Recording.Free.Thumbnails }),
		},
		{
			Name: "disk-recordings", Default: []string{"1024"},
			Help: "Below how much free space on the disk no recording begins, in MiB; 0 for never. Streams go on.",
			set:  mebibytes(0, func(c *Config) *int64 { return &c.Recording.Free.Recordings }),
		},
	}
}

// mebibytes reads a size of at least so many MiB.
func mebibytes(least int, to func(*Config) *int64) func(*Config, []string) (wrong, cure string) {
	return func(c *Config, values []string) (wrong, cure string) {
		n, err := strconv.Atoi(values[0])
		if err != nil || n < least || n > maxRoom {
			return fmt.Sprintf("%q is not a whole number from %d to %d", values[0], least, maxRoom), "give a number of MiB"
		}
		*to(c) = int64(n) * mebibyte
		return "", ""
	}
}

func setBool(to func(*Config) *bool) func(*Config, []string) (wrong, cure string) {
	return func(c *Config, values []string) (wrong, cure string) {
		*to(c) = values[0] == "true"
		return isOneOf("true", "false")(values[0])
	}
}
