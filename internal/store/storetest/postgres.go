// Package storetest starts a private PostgreSQL server for tests, on a socket
// in a directory of its own, and takes it away again.
//
// What the databases are used for is up to package store and its tests.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

const (
	superuser = "openivs"
	startTime = 30 * time.Second
	stopTime  = 10 * time.Second
)

// A Server is a PostgreSQL server that one test started.
type Server struct {
	dir  string
	bin  string
	last atomic.Int64 // number of the last database

	process *os.Process
	ended   chan struct{} // closed when process has
}

// Start starts a server and stops it when the test ends. It fails the test if
// PostgreSQL is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	// t.TempDir is too long a path for a socket (107 bytes).
	dir, err := os.MkdirTemp("", "openivs-pg-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &Server{dir: dir, bin: bin}
	if err := s.init(); err != nil {
		t.Fatal(err)
	}
	s.Run(t)
	t.Cleanup(s.Stop)
	return s
}

// binaries returns the directory of the server's programs.
func binaries() (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them off the PATH
	if err != nil {
		return "", err
	}
	slices.Reverse(dirs)
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is needed by this test and was not found: install it (Debian: apt-get install postgresql)")
}

func (s *Server) init() error {
	as, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata", filepath.Join(s.dir, "data"),
		"--username", superuser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = s.dir, as
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// Run starts the server again after Stop, with all its databases.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	as, err := unprivileged(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	server.Dir, server.SysProcAttr, server.Stdout, server.Stderr = s.dir, as, log, log
	if err := errors.Join(server.Start(), log.Close()); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	ended := make(chan struct{})
	s.process, s.ended = server.Process, ended
	go func() { // Stop waits for it
		_ = server.Wait() // the log says why it ended
		close(ended)
	}()
	if err := s.ready(t.Context(), ended); err != nil {
		said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		t.Fatalf("start PostgreSQL: %v\n%s", err, said)
	}
}

// Stop ends the server, cutting off all connections.
func (s *Server) Stop() {
	_ = s.process.Signal(syscall.SIGINT) // fast shutdown; an error means that it has ended
	select {
	case <-s.ended:
	case <-time.After(stopTime):
		_ = s.process.Kill()
		<-s.ended
	}
}

// unprivileged says as whom to run, and lets them use dir: PostgreSQL refuses root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return as, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return as, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("PostgreSQL does not run as root and there is no user postgres or nobody to run it as")
}

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ended:
			return fmt.Errorf("PostgreSQL ended at once: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not answer: %w", err)
		}
	}
}

func (s *Server) url(database string) string {
	q := url.Values{"host": {s.dir}, "user": {superuser}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

// Dir is where the server keeps everything, for looking at the files.
func (s *Server) Dir() string { return s.dir }

// Admin is the URL of a database that is there already, for looking at the
// server from outside.
func (s *Server) Admin() string { return s.url("postgres") }

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.Admin())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", s.last.Add(1))
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return s.url(name)
}
