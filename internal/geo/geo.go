// Package geo tells the country of an address by a database in MaxMind's format
// (MaxMind DB 2.0), such as GeoLite2-Country or those of DB-IP.
//
// It fetches no database and has none; what follows from a country is up to the
// caller.
package geo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	// maxFile is the largest database that is read, in bytes; one with all cities
	// has a tenth of it.
	maxFile = 1 << 30

	// lookEvery is how often Run looks whether the file has changed.
	lookEvery = time.Second
)

// A Database is a file that is read again when it changes. It is in memory
// whole, so that whoever writes over the file disturbs nobody. Lookup may be
// called by any number at once.
type Database struct {
	file string
	log  *slog.Logger
	now  atomic.Pointer[maxminddb.Reader]
	seen stamp // owned by Open, then by Run
}

// A stamp tells one version of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads a database that has to work.
func Open(file string, log *slog.Logger) (*Database, error) {
	d := &Database{file: file, log: log}
	return d, d.reload()
}

// Run reads the file again whenever it changes, until ctx ends. A new one that
// does not work leaves the old one in force.
func (d *Database) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		old := d.now.Load()
		if err := d.reload(); err != nil {
			d.log.Error("the new database of countries does not work, the old one stays in force", "file", d.file, "err", err)
		} else if d.now.Load() != old {
			d.log.Info("new database of countries in force", "file", d.file)
		}
	}
}

// reload reads the file if it is not what it was.
func (d *Database) reload() error {
	info, err := os.Stat(d.file)
	var at stamp
	if err == nil {
		at = stamp{info.ModTime(), info.Size()}
	}
	if at == d.seen && d.now.Load() != nil {
		return nil
	}
	d.seen = at
	if err != nil {
		return err
	}
	b, err := read(d.file)
	if err != nil {
		return err
	}
	r, err := maxminddb.OpenBytes(b)
	if err != nil {
		return fmt.Errorf("%s is no database in MaxMind's format: %w", d.file, err)
	}
	d.now.Store(r)
	return nil
}

func read(file string) (b []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", file, info.Size(), maxFile)
	}
	var all bytes.Buffer
	all.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := all.ReadFrom(io.LimitReader(f, maxFile)); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}

// Country returns the country where an address is, else the one it is
// registered in, as a code of ISO 3166-1 alpha-2. It is "" if that is unknown.
func (d *Database) Country(of netip.Addr) string {
	found := d.now.Load().Lookup(of.Unmap().WithZone(""))
	var code string
	for _, where := range [...]string{"country", "registered_country"} {
		if err := found.DecodePath(&code, where, "iso_code"); err == nil && code != "" {
			return code
		}
	}
	return ""
}
