// Command openivs is a live streaming server with the API of Amazon IVS, and
// the tools to run it.
//
// It exits with 0 when all went well, 1 when something failed, 2 when the
// command line or a setting is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"openivs/internal/config"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	syscall.Umask(0o077) // what we write is for its owner
	p := &program{args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.run(context.Background()))
}

// A program is one run of the command, with all that it touches outside.
type program struct {
	args, environ  []string
	stdout, stderr io.Writer
}

// run returns the exit code.
func (p *program) run(ctx context.Context) int {
	code, done := 0, false
	parser, err := kong.New(new(commands),
		kong.Name("openivs"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(groups()), kong.Writers(p.stdout, p.stderr), settingsHelp(),
		kong.Exit(func(c int) { code, done = c, true }),
		kong.Bind(p), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return p.fail(exitFailed, err)
	}
	command, err := parser.Parse(p.args)
	if done { // --help or --version has printed what was asked for
		return code
	}
	if err != nil {
		return p.fail(exitUsage, fmt.Errorf(`%w; "openivs --help" says what there is`, err))
	}
	err = command.Run()
	if _, wrong := errors.AsType[config.SettingErrors](err); wrong {
		return p.fail(exitUsage, err)
	}
	if err != nil {
		return p.fail(exitFailed, err)
	}
	return 0
}

func (p *program) fail(code int, err error) int {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(p.stderr, "openivs:", strings.TrimSpace(line))
	}
	return code
}
