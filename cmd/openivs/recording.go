package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"openivs/internal/app"
	"openivs/internal/record/proof"
)

type recordingCommand struct {
	Verify verifyCommand       `cmd:"" help:"Compare a recording with its manifest."`
	URL    recordingURLCommand `cmd:"" name:"url" help:"Print a URL that plays a recording for a while."`
}

type recordingURLCommand struct {
	placeFlags
	MasterKeyFile []string `group:"place" placeholder:"FILE" sep:"none" help:"${master_key_file}"`

	Where   string        `arg:"" name:"bucket/prefix" help:"The recording, as the event Recording End names it, or its directory. Something in it may follow."`
	Expires time.Duration `default:"24h" placeholder:"TIME" help:"How long the URL is good (default: ${default})."`
}

// Run prints a URL.
func (c *recordingURLCommand) Run(p *program) error {
	flags := c.flags()
	flags["master-key-file"] = c.MasterKeyFile
	cfg, err := p.load(c.Config, flags)
	if err != nil {
		return err
	}
	address, err := app.RecordingURL(cfg, c.Where, time.Now().Add(c.Expires))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, address)
	return err
}

type verifyCommand struct {
	Where string `arg:"" name:"url|dir" help:"Where the recording is: what is before events/ and media/."`
}

// Help is for "openivs recording verify --help".
func (verifyCommand) Help() string {
	return `Reads every object of a recording and compares it with media/manifest.json, which was written from what the server took from the stream. It exits with 1 if something is missing, has changed, or is not in the playlists.

  openivs recording verify data/buckets/my-bucket/ivs/v1/000000000000/aBcDeFgHiJkL/2026/1/2/3/4/mNoPqRsTuVwX
  openivs recording verify https://my-cdn.example/ivs/v1/000000000000/aBcDeFgHiJkL/2026/1/2/3/4/mNoPqRsTuVwX`
}

// Run verifies a recording.
func (c *verifyCommand) Run(ctx context.Context, p *program) error {
	fetch, done, err := fetcher(c.Where)
	if err != nil {
		return err
	}
	report, err := proof.Verify(ctx, fetch)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "whole: %d renditions, %d segments, %d bytes, %v\n",
		report.Renditions, report.Segments, report.Bytes, time.Duration(report.Milliseconds)*time.Millisecond)
	return err
}

// fetchWait is how long one object may take.
const fetchWait = 5 * time.Minute

// fetcher returns what reads the objects of a recording, and what ends that.
func fetcher(where string) (proof.Fetch, func() error, error) {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		root, err := os.OpenRoot(where)
		if err != nil {
			return nil, nil, err
		}
		return func(_ context.Context, name string) (io.ReadCloser, error) {
			return root.Open(filepath.FromSlash(name))
		}, root.Close, nil
	}
	base, err := url.Parse(where)
	if err != nil {
		return nil, nil, err
	}
	client := &http.Client{Timeout: fetchWait}
	fetch := func(ctx context.Context, name string) (io.ReadCloser, error) {
		at := *base
		at.Path = strings.TrimSuffix(base.Path, "/") + "/" + name
		at.RawPath = ""
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, errors.Join(fmt.Errorf("the server answers %s", resp.Status), resp.Body.Close())
		}
		return resp.Body, nil
	}
	return fetch, func() error { client.CloseIdleConnections(); return nil }, nil
}
