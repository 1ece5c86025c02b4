package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"openivs/internal/app"
)

type envCommand struct{ placeFlags }

// Help is for "openivs env --help".
func (envCommand) Help() string {
	return `Prints exports for a POSIX shell, so that the AWS CLI and SDKs talk to the running server:

  eval "$(openivs env)"
  aws ivs list-channels
  ffmpeg -re -i film.mp4 -c copy -f flv "$OPENIVS_RTMPS/STREAM_KEY"

An AWS CLI older than 2.13 (1.29) does not know AWS_ENDPOINT_URL_IVS; where one is installed, a shell function "aws" is defined too, which adds --endpoint-url to its ivs and cloudwatch commands.`
}

// Run prints the exports.
func (c *envCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	where, err := app.ReadEndpoints(cfg.Data)
	if errors.Is(err, app.ErrNotRunning) {
		return fmt.Errorf(`%w (%s): start one with "openivs serve", or name the directory with --data`, err, cfg.Data)
	}
	if err != nil {
		return err
	}
	id, secret, err := app.ReadCredentials(cfg.Data)
	if err != nil {
		return err
	}
	out := exports(where, id, string(secret), app.AuthorityFile(cfg.Data))
	if v, installed := cliVersion(ctx); installed && needsFunction(v) {
		out += fmt.Sprintf(awsFunction, quote(where.API))
	}
	_, err = fmt.Fprint(p.stdout, out)
	return err
}

// exports returns shell commands that set the variables. What a shell may have
// set for Amazon's own service or for another server, and would be in the way, is
// taken away.
func exports(where app.Endpoints, id, secret, authority string) string {
	var b strings.Builder
	b.WriteString("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_IGNORE_CONFIGURED_ENDPOINT_URLS\n")
	for _, v := range [...][2]string{
		{"AWS_ENDPOINT_URL_IVS", where.API},
		{"AWS_ENDPOINT_URL_CLOUDWATCH", where.API},
		{"AWS_ACCESS_KEY_ID", id},
		{"AWS_SECRET_ACCESS_KEY", secret},
		{"AWS_REGION", where.Region},
		{"AWS_DEFAULT_REGION", where.Region},
		{"AWS_CA_BUNDLE", authority},
		{"OPENIVS_API", where.API},
		{"OPENIVS_RTMP", where.RTMP},
		{"OPENIVS_RTMPS", where.RTMPS},
		{"OPENIVS_PLAYBACK", where.Playback},
		{"OPENIVS_CONSOLE", where.Console},
	} {
		if v[1] == "" {
			fmt.Fprintf(&b, "unset %s\n", v[0])
			continue
		}
		fmt.Fprintf(&b, "export %s=%s\n", v[0], quote(v[1]))
	}
	return b.String()
}

// quote returns s as one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// awsFunction finds the service among the arguments, past the options that
// stand before it, and leaves a command with its own --endpoint-url alone.
const awsFunction = `aws() {
  __openivs_service= __openivs_value=
  for __openivs_word in "$@"; do
    case "$__openivs_value$__openivs_word" in
      --endpoint-url|--endpoint-url=*) __openivs_service=; break ;;
      --output|--query|--profile|--region|--color|--ca-bundle|--cli-read-timeout|--cli-connect-timeout|--cli-binary-format) __openivs_value=. ;;
      -*) ;;
      .*) __openivs_value= ;;
      *) [ -n "$__openivs_service" ] || __openivs_service=$__openivs_word ;;
    esac
  done
  case "$__openivs_service" in
    ivs|cloudwatch) command aws --endpoint-url %s "$@" ;;
    *) command aws "$@" ;;
  esac
}
`

// A cli is a version of the AWS CLI.
type cli struct{ major, minor int }

var cliForm = regexp.MustCompile(`^aws-cli/(\d{1,6})\.(\d{1,6})\.`)

// needsFunction reports whether a version may not know AWS_ENDPOINT_URL_IVS. To
// the others the function does no harm; without it the old ones ask Amazon.
func needsFunction(v cli) bool {
	switch v.major {
	case 0: // it does not say
		return true
	case 1:
		return v.minor < 29
	case 2:
		return v.minor < 13
	default:
		return false
	}
}

// cliVersion asks the installed CLI, if there is one. The zero version is one
// that did not say, or not in time.
func cliVersion(ctx context.Context) (v cli, installed bool) {
	program, err := exec.LookPath("aws")
	if err != nil {
		return cli{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, program, "--version").Output()
	m := cliForm.FindSubmatch(text)
	if err != nil || m == nil {
		return cli{}, true
	}
	major, _ := strconv.Atoi(string(m[1])) // the form lets nothing else through
	minor, _ := strconv.Atoi(string(m[2]))
	return cli{major, minor}, true
}
