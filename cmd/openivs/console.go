package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
)

type consoleCommand struct {
	placeFlags
	Open bool `default:"true" negatable:"" help:"Open it in the browser of this machine (the default); --no-open only prints the link."`
}

// Help is for "openivs console --help".
func (consoleCommand) Help() string {
	return `Prints a link to the web console and opens it. The link signs in once, on this machine, within a minute; it holds no key. Its session works for 12 hours with the rights of the key in DIR/credentials.

Elsewhere, open the console's address (openivs env prints it as OPENIVS_CONSOLE) and sign in with an access key.`
}

// Run makes a link and opens it.
func (c *consoleCommand) Run(ctx context.Context, p *program) error {
	s, err := p.server(c.Config, c.flags())
	if err != nil {
		return err
	}
	var out struct{ Code string }
	if err := s.ask(ctx, http.MethodPost, "sign-in-links", nil, nil, &out); err != nil {
		return err
	}
	link := s.where.Console + "#/link/" + out.Code
	if _, err := fmt.Fprintln(p.stdout, link); err != nil {
		return err
	}
	if !c.Open {
		return nil
	}
	if err := browse(ctx, link); err != nil {
		fmt.Fprintln(p.stderr, "No browser could be opened here; open the link by hand within a minute.")
	}
	return nil
}

var errNoBrowser = errors.New("there is no program that opens links")

// browse has the desktop open a link.
func browse(ctx context.Context, link string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	path, err := exec.LookPath(opener)
	if err != nil {
		return errNoBrowser
	}
	return exec.CommandContext(ctx, path, link).Run()
}
