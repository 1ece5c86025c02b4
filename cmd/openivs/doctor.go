package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"openivs/internal/app"
	"openivs/internal/config"
	"openivs/internal/operator"
	"openivs/internal/seal"
	"openivs/internal/store"
	"openivs/internal/transcode"
)

type doctorCommand struct{ allFlags }

// Help is for "openivs doctor --help".
func (doctorCommand) Help() string {
	return `Checks ports, disk, clock, ffmpeg, database, master key and certificate with the settings in force, and changes nothing. Every finding is ok, warn or fail, with a cure where one is needed. The exit code is 1 if anything fails.

Run it as the user that runs the server, with the same settings.`
}

// A finding is what one check found.
type finding struct {
	grade string // ok, warn or fail
	what  string
	found string
	cure  string // empty if ok
}

const (
	fine = "ok"
	warn = "warn"
	fail = "fail"
)

var errUnwell = errors.New("something would keep the server from working: see above")

// Run prints the findings.
func (c *doctorCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	_, err = app.ReadEndpoints(cfg.Data)
	failed := false
	for _, f := range examine(ctx, cfg, err == nil) {
		fmt.Fprintf(p.stdout, "%-4s  %-14s  %s\n", f.grade, f.what, f.found)
		if f.cure != "" {
			fmt.Fprintf(p.stdout, "      %-14s  cure: %s\n", "", f.cure)
		}
		failed = failed || f.grade == fail
	}
	if failed {
		return errUnwell
	}
	return nil
}

// examine makes all checks, of a server that runs or will.
func examine(ctx context.Context, cfg *config.Config, running bool) []finding {
	findings := []finding{checkData(cfg, running), checkDisk(cfg.Data, cfg.Recording.Free), checkClock()}
	for _, address := range cfg.Listen {
		findings = append(findings, checkPort(ctx, address, running))
	}
	if cfg.SRT != "" {
		findings = append(findings, checkUDPPort(ctx, cfg.SRT, running))
	}
	return append(findings, checkHost(cfg), checkCertificate(cfg, time.Now()), checkKey(cfg), checkDatabase(ctx, cfg), checkFFmpeg(ctx, cfg))
}

// selfExamination is what a server that runs tells of its own checks.
func selfExamination(cfg *config.Config) func(context.Context) []operator.Finding {
	return func(ctx context.Context) []operator.Finding {
		var out []operator.Finding
		for _, f := range examine(ctx, cfg, true) {
			out = append(out, operator.Finding{Grade: f.grade, What: f.what, Found: f.found, Cure: f.cure})
		}
		return out
	}
}

func checkData(cfg *config.Config, running bool) finding {
	const what = "data directory"
	info, err := os.Stat(cfg.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finding{fine, what, cfg.Data + " is made by the first start", ""}
	case err != nil:
		return finding{fail, what, err.Error(), "make it reachable for this user, or name another with --data"}
	case !info.IsDir():
		return finding{fail, what, cfg.Data + " is not a directory", "name a directory with --data"}
	case running:
		return finding{fine, what, cfg.Data + ", a server runs in it", ""}
	case info.Mode().Perm()&0o077 != 0:
		return finding{warn, what, fmt.Sprintf("%s has mode %04o", cfg.Data, info.Mode().Perm()), "chmod 700 " + cfg.Data}
	}
	f, err := os.CreateTemp(cfg.Data, ".doctor-*")
	if err != nil {
		return finding{fail, what, err.Error(), "chown it to the user that runs openivs"}
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return finding{fail, what, err.Error(), "see whether the disk is well"}
	}
	return finding{fine, what, cfg.Data, ""}
}

func checkPort(ctx context.Context, address string, running bool) finding {
	what := "port " + address
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = ln.Close() // nothing came through it
		return finding{fine, what, "free", ""}
	case errors.Is(err, syscall.EADDRINUSE) && running:
		return finding{fine, what, "in use, and a server runs", ""}
	case errors.Is(err, syscall.EADDRINUSE):
		return finding{fail, what, "in use by another program", "choose another with --listen, or stop what uses it"}
	case errors.Is(err, syscall.EACCES):
		return finding{
			fail, what, "this user may not use it",
			"start openivs with its systemd unit, or run: setcap cap_net_bind_service=+ep /usr/bin/openivs",
		}
	default:
		return finding{fail, what, err.Error(), "choose an address of this machine with --listen"}
	}
}

func checkUDPPort(ctx context.Context, address string, running bool) finding {
	what := "UDP port " + address
	pc, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	switch {
	case err == nil:
		_ = pc.Close() // nothing came through it
		return finding{fine, what, "free", ""}
	case errors.Is(err, syscall.EADDRINUSE) && running:
		return finding{fine, what, "in use, and a server runs", ""}
	case errors.Is(err, syscall.EADDRINUSE):
		return finding{fail, what, "in use by another program", "choose another with --srt, turn SRT off with --srt off, or stop what uses it"}
	default:
		return finding{fail, what, err.Error(), "choose an address of this machine with --srt"}
	}
}

func checkHost(cfg *config.Config) finding {
	const what = "public host"
	if cfg.PublicHost == "127.0.0.1" || cfg.PublicHost == "::1" || cfg.PublicHost == "localhost" {
		return finding{
			warn, what, cfg.PublicHost + " means this machine only",
			"for encoders and viewers elsewhere, set --public-host to a name or address of this machine",
		}
	}
	return finding{fine, what, cfg.PublicHost, ""}
}

const soon = 14 * 24 * time.Hour

func checkCertificate(cfg *config.Config, now time.Time) finding {
	const what = "certificate"
	if cfg.TLSCert == "" {
		return finding{
			warn, what, "self-signed; OBS and browsers refuse it until they trust its authority",
			"give a certificate with --tls-cert and --tls-key, or make clients trust " + filepath.Join(cfg.Data, "ca.pem"),
		}
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return finding{fail, what, err.Error(), "give a PEM certificate chain and its private key"}
	}
	until := pair.Leaf.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case now.After(pair.Leaf.NotAfter):
		return finding{fail, what, "it ran out on " + until, "renew it; the server notices by itself"}
	case now.Before(pair.Leaf.NotBefore):
		return finding{fail, what, "it is not valid yet", "see whether the clock is right"}
	case pair.Leaf.VerifyHostname(cfg.PublicHost) != nil:
		return finding{fail, what, "it is not for " + cfg.PublicHost, "get one for that name, or change --public-host"}
	case now.Add(soon).After(pair.Leaf.NotAfter):
		return finding{warn, what, "it runs out on " + until, "renew it; the server notices by itself"}
	}
	return finding{fine, what, "for " + cfg.PublicHost + " until " + until, ""}
}

func checkKey(cfg *config.Config) finding {
	const what = "master key"
	file := app.MasterKeyFile(cfg)
	_, err := seal.Load(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finding{fine, what, file + " is made by the first start", ""}
	case err != nil:
		return finding{fail, what, err.Error(), "put a copy of the file back, with mode 0600"}
	}
	return finding{fine, what, file, ""}
}

func checkDatabase(ctx context.Context, cfg *config.Config) finding {
	const what = "database"
	url := app.DatabaseURL(cfg)
	if cfg.Database == config.SQLite {
		if _, err := os.Stat(url); errors.Is(err, fs.ErrNotExist) {
			return finding{fine, what, url + " is made by the first start", ""}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	reader, err := store.Open(ctx, store.Options{URL: url, Mode: store.Reader})
	if err != nil {
		return finding{fail, what, err.Error(), "see that the database runs and that --database is right"}
	}
	state, err := reader.Status(ctx)
	if err = errors.Join(err, reader.Close()); err != nil {
		return finding{fail, what, err.Error(), "see that the database runs and is whole; openivs restore puts a backup back"}
	}
	switch {
	case state.Version == 0:
		return finding{fine, what, "empty; its tables are made by the first start", ""}
	case state.Version > state.Newest:
		return finding{fail, what, "a newer openivs has migrated it", "use that openivs, or a newer one"}
	case len(state.Pending) > 0:
		return finding{fine, what, fmt.Sprintf("%d migrations wait for the next start", len(state.Pending)), ""}
	}
	key, err := seal.Load(app.MasterKeyFile(cfg))
	if err != nil {
		return finding{fail, what, "there is no key to read it with", "put a copy of " + app.MasterKeyFile(cfg) + " back"}
	}
	guest, err := store.Open(ctx, store.Options{URL: url, Key: key, Mode: store.Guest})
	if err == nil {
		err = guest.Close()
	}
	if err != nil {
		return finding{fail, what, err.Error(), "put the right master key back, or name it with --master-key-file"}
	}
	return finding{fine, what, fmt.Sprintf("schema %d, opens with the master key", state.Version), ""}
}

// checkFFmpeg tries what streams will ask of it.
func checkFFmpeg(ctx context.Context, cfg *config.Config) finding {
	const what = "ffmpeg"
	const cure = "install ffmpeg 5.1 or newer with libx264 (Debian: apt install ffmpeg), or name it with --ffmpeg; " +
		"until then streams are passed on as sent, whatever their channel's type"
	if !cfg.Transcode.On {
		return finding{fine, what, "not needed, as transcode is off", ""}
	}
	fit := transcode.Probe(ctx, cfg.Transcode.Program)
	if fit.Err != nil {
		found := fit.Err.Error()
		if fit.Version != "" {
			found = fit.Version + ": " + found
		}
		return finding{warn, what, found, cure}
	}
	return finding{fine, what, fit.Version, ""}
}
