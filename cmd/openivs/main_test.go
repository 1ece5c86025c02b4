package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"openivs/internal/app"
	"openivs/internal/config"
	"openivs/internal/lock"
)

// beOpenivs makes the test binary be the program itself, so that signals and
// exit codes are tested on a real process.
const beOpenivs = "BE_OPENIVS"

func TestMain(m *testing.M) {
	if os.Getenv(beOpenivs) != "" {
		main()
	}
	os.Exit(m.Run())
}

// environ is the environment of a test: no settings of whoever runs it.
func environ(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "OPENIVS_") || strings.HasPrefix(e, "AWS_") })
	return append(env, more...)
}

// try runs the program in this process and returns its exit code and output.
func try(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{args: args, environ: env, stdout: &out, stderr: &errs}
	code = p.run(t.Context())
	return code, out.String(), errs.String()
}

func TestEverySettingIsAFlagOfServe(t *testing.T) {
	flags := new(allFlags).flags()
	var settings []string
	for _, s := range config.Settings() {
		settings = append(settings, s.Name)
	}
	if got, want := slices.Sorted(maps.Keys(flags)), slices.Sorted(slices.Values(settings)); !slices.Equal(got, want) {
		t.Errorf("flags are %v, settings are %v", got, want)
	}
	_, help, _ := try(t, environ(), "serve", "--help")
	for _, s := range config.Settings() {
		if !strings.Contains(help, "--"+s.Name+"=") || !strings.Contains(help, s.Env()) {
			t.Errorf("serve --help does not tell of --%s and $%s", s.Name, s.Env())
		}
	}
}

func TestExitCodes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		name   string
		args   []string
		env    []string
		code   int
		stdout string // has to contain
		stderr string
	}{
		{"help", []string{"--help"}, nil, 0, "Running a server:", ""},
		{"help of a command", []string{"env", "--help"}, nil, 0, `eval "$(openivs env)"`, ""},
		{"version", []string{"version"}, nil, 0, "openivs ", ""},
		{"nothing", nil, nil, exitUsage, "", "--help"},
		{"unknown command", []string{"sevre"}, nil, exitUsage, "", "sevre"},
		{"unknown flag", []string{"serve", "--prot", "1"}, nil, exitUsage, "", "--prot"},
		{"bad settings, all of them", []string{"serve", "--region", "x"}, []string{"OPENIVS_ACOUNT=1"}, exitUsage, "", "did you mean $OPENIVS_ACCOUNT?"},
		{"no server", []string{"env", "--data", empty}, nil, exitFailed, "", "openivs serve"},
		{"no database", []string{"migrate", "--data", empty}, nil, exitFailed, "", "--data"},
		{"nothing to back up", []string{"backup", "--data", empty, filepath.Join(empty, "b")}, nil, exitFailed, "", "--data"},
		{"nothing to restore", []string{"restore", "--data", empty, t.TempDir()}, nil, exitFailed, "", "manifest.json"},
		{"config", []string{"config", "--data", empty, "--listen", ":443", "--listen", ":1935"}, nil, 0, `listen: [":443", ":1935"]`, ""},
	} {
		code, stdout, stderr := try(t, environ(tc.env...), tc.args...)
		if code != tc.code || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
			t.Errorf("%s: exit code %d, want %d\nstdout: %s\nstderr: %s", tc.name, code, tc.code, stdout, stderr)
		}
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("a command that failed made the data directory")
	}
}

func TestConfigHidesPasswords(t *testing.T) {
	_, stdout, stderr := try(t, environ("OPENIVS_DATABASE=postgres://u:hunter2@h/d"), "config")
	if strings.Contains(stdout+stderr, "hunter2") || !strings.Contains(stdout, "$OPENIVS_DATABASE") {
		t.Errorf("config prints\n%s%s", stdout, stderr)
	}
}

// A process is openivs serve.
type process struct {
	cmd    *exec.Cmd
	data   string
	stderr bytes.Buffer
	exited chan struct{}
}

func start(t *testing.T, data string) *process {
	t.Helper()
	p := &process{data: data, exited: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(self, "serve", "--data", data, "--listen", "127.0.0.1:0", "--srt", "127.0.0.1:0", "--log-level", "debug")
	p.cmd.Env = environ(beOpenivs + "=1")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(p.exited)
		copyUntil(&p.stderr, stderr, "ready, the API is served", ready)
		_ = p.cmd.Wait() // the exit code is what counts
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.exited
	})
	select {
	case <-ready:
	case <-p.exited:
		t.Fatalf("the server left: %s", p.stderr.String())
	}
	return p
}

// copyUntil copies and closes seen when what it copied contains a text.
func copyUntil(w *bytes.Buffer, r io.Reader, text string, seen chan<- struct{}) {
	b := make([]byte, 4096)
	for found := false; ; {
		n, err := r.Read(b)
		w.Write(b[:n])
		if !found && strings.Contains(w.String(), text) {
			found = true
			close(seen)
		}
		if err != nil {
			return
		}
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestASignalStopsTheServerCleanly(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, t.TempDir())
		p.signal(t, s)
		<-p.exited
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("after %v the exit code is %d\n%s", s, code, &p.stderr)
		}
		if _, err := app.ReadEndpoints(p.data); !errors.Is(err, app.ErrNotRunning) {
			t.Errorf("after %v endpoints.json is still there (%v)", s, err)
		}
	}
}

func TestASecondSignalSkipsTheWaiting(t *testing.T) {
	p := start(t, t.TempDir())
	where, err := app.ReadEndpoints(p.data)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, where) // so that the server would wait for players
	began := time.Now()
	p.signal(t, syscall.SIGTERM)
	p.signal(t, syscall.SIGINT)
	<-p.exited
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the stop took %v after a second signal\n%s", took, &p.stderr)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the exit code is %d\n%s", code, &p.stderr)
	}
}

// watch asks for a playlist once, as a player would.
func watch(t *testing.T, where app.Endpoints) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(where.Playback, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = io.WriteString(c, "GET /api/video/v1/us-east-1.000000000000.channel.abcdefghijkl.m3u8 HTTP/1.0\r\n\r\n")
	if err == nil {
		_, err = io.ReadAll(c)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAfterKillTheNextStartIsClean(t *testing.T) {
	p := start(t, t.TempDir())
	p.signal(t, syscall.SIGKILL)
	<-p.exited
	second := start(t, p.data)
	if where, err := app.ReadEndpoints(second.data); err != nil || where.API == "" {
		t.Errorf("endpoints.json says %+v, %v", where, err)
	}
}

// What a killed server left behind says nothing of a server that runs.
func TestAKilledServerIsNotRunning(t *testing.T) {
	p := start(t, t.TempDir())
	p.signal(t, syscall.SIGKILL)
	<-p.exited
	if _, err := os.Stat(filepath.Join(p.data, "endpoints.json")); err != nil {
		t.Fatalf("the test looks at nothing: %v", err)
	}
	code, stdout, stderr := try(t, environ(), "env", "--data", p.data)
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "no server is running") {
		t.Errorf("env: exit code %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := os.Chmod(p.data, 0o755); err != nil { //nolint:gosec // as the test wants it
		t.Fatal(err)
	}
	code, out, _ := try(t, environ(), "doctor", "--data", p.data, "--listen", taken.Addr().String())
	for _, want := range []string{"has mode 0755", "in use by another program"} {
		if code != exitFailed || !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q, exit code %d\n%s", want, code, out)
		}
	}
}

func TestASecondServerExitsAndNamesTheFirst(t *testing.T) {
	p := start(t, t.TempDir())
	code, _, stderr := try(t, environ(), "serve", "--data", p.data, "--listen", "127.0.0.1:0", "--srt", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(stderr, "is in use by openivs") {
		t.Errorf("exit code %d, stderr %s", code, stderr)
	}
}

func TestDoctor(t *testing.T) {
	data := t.TempDir()
	if err := os.Chmod(data, 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, _ := try(t, environ(), "doctor", "--data", data, "--listen", "127.0.0.1:0", "--srt", "127.0.0.1:0")
	if code != 0 {
		t.Errorf("on a fresh directory the exit code is %d\n%s", code, out)
	}
	for _, what := range []string{"data directory", "disk", "clock", "port 127.0.0.1:0", "public host", "certificate", "master key", "database", "ffmpeg"} {
		if !strings.Contains(out, what) {
			t.Errorf("nothing is said of %s:\n%s", what, out)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := os.WriteFile(filepath.Join(data, "openivs.db"), []byte("this is no database, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = try(t, environ(), "doctor", "--data", data, "--listen", taken.Addr().String())
	if code != exitFailed || strings.Count(out, "fail  ") != 2 || strings.Count(out, "cure:") < 2 {
		t.Errorf("with a taken port and a broken database the exit code is %d\n%s", code, out)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "warn") || strings.HasPrefix(line, "fail") {
			if _, after, _ := strings.Cut(out, line); !strings.HasPrefix(strings.TrimSpace(after), "cure:") {
				t.Errorf("no cure after %q", line)
			}
		}
	}
}

func TestBackupMigrateRestoreAndRekeyByHand(t *testing.T) {
	p := start(t, t.TempDir())
	target, fresh := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	run := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := try(t, environ(), args...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("openivs %s: exit code %d, stdout %q, stderr %q", strings.Join(args, " "), code, stdout, stderr)
		}
	}
	run("backup written to", "backup", "--data", p.data, target)
	run("the database has schema", "migrate", "--data", p.data)
	run("restored into", "restore", "--data", fresh, target)
	run("up to date", "migrate", "up", "--data", fresh)
	run("new master key", "credentials", "rekey", "--data", fresh)
	if code, _, stderr := try(t, environ(), "credentials", "rekey", "--data", p.data); code != exitFailed || !strings.Contains(stderr, "in use") {
		t.Errorf("rekey under a running server: exit code %d, %s", code, stderr)
	}
	start(t, fresh)
}

// cliOf puts an aws into a directory that says its version and prints its arguments.
func cliOf(t *testing.T, version string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '" + version + "'; exit; fi\nprintf '%s\\n' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o700); err != nil { //nolint:gosec // a script has to run
		t.Fatal(err)
	}
	return dir
}

// directory makes a data directory of a server that runs, as far as env can tell.
func directory(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	where := app.Endpoints{API: "https://h:4500", RTMP: "rtmp://h:4500/app", Region: "eu-west-1"}
	body, err := json.Marshal(where)
	if err != nil {
		t.Fatal(err)
	}
	held, err := lock.Dir(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := held.Release(); err != nil {
			t.Error(err)
		}
	})
	for name, text := range map[string]string{
		"endpoints.json": string(body),
		"credentials":    "[openivs]\naws_access_key_id = AKIA1\naws_secret_access_key = it's $HOME\n",
		"ca.pem":         "x",
	} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

func TestEnvIsEvaluatedByAShell(t *testing.T) {
	data := directory(t)
	for _, tc := range []struct {
		name, version, script, want string
	}{
		{"variables", "aws-cli/2.13.0 x", `echo "$AWS_ENDPOINT_URL_IVS $AWS_REGION $AWS_ACCESS_KEY_ID $OPENIVS_RTMP"`, "https://h:4500 eu-west-1 AKIA1 rtmp://h:4500/app"},
		{"quoting", "aws-cli/2.13.0 x", `echo "$AWS_SECRET_ACCESS_KEY"`, "it's $HOME"},
		{"authority", "aws-cli/2.13.0 x", `echo "$AWS_CA_BUNDLE"`, filepath.Join(data, "ca.pem")},
		{"what would go before ours is gone", "aws-cli/2.13.0 x", `echo "[$AWS_SESSION_TOKEN]"`, "[]"},
		{"a new CLI needs no function", "aws-cli/2.13.0 x", `aws ivs list-channels`, "ivs list-channels"},
		{"nor does a new CLI of version 1", "aws-cli/1.29.0 x", `aws ivs list-channels`, "ivs list-channels"},
		{"an old CLI gets the endpoint", "aws-cli/2.9.19 x", `aws ivs list-channels`, "--endpoint-url https://h:4500 ivs list-channels"},
		{"an old CLI of version 1", "aws-cli/1.22.34 x", `aws cloudwatch get-metric-data`, "--endpoint-url https://h:4500 cloudwatch get-metric-data"},
		{"options before the service", "aws-cli/2.9.19 x", `aws --output json --no-paginate --query "a b" ivs list-channels`, "--endpoint-url https://h:4500 --output json --no-paginate --query a b ivs list-channels"},
		{"a CLI that does not say its version", "who knows", `aws ivs list-channels`, "--endpoint-url https://h:4500 ivs list-channels"},
		{"another service", "aws-cli/2.9.19 x", `aws s3 cp ivs s3://b/k`, "s3 cp ivs s3://b/k"},
		{"another service behind an option", "aws-cli/2.9.19 x", `aws --profile ivs s3 ls`, "--profile ivs s3 ls"},
		{"an endpoint of one's own", "aws-cli/2.9.19 x", `aws ivs --endpoint-url http://other list-channels`, "ivs --endpoint-url http://other list-channels"},
		{"no arguments", "aws-cli/2.9.19 x", `aws`, ""},
	} {
		path := "PATH=" + cliOf(t, tc.version) + ":" + os.Getenv("PATH")
		t.Setenv("PATH", strings.TrimPrefix(path, "PATH="))
		code, exports, stderr := try(t, environ(), "env", "--data", data)
		if code != 0 {
			t.Fatalf("%s: exit code %d, %s", tc.name, code, stderr)
		}
		for _, shell := range []string{"sh", "bash"} {
			cmd := exec.CommandContext(t.Context(), shell, "-euc", exports+tc.script)
			cmd.Env = append(environ(), path, "AWS_SESSION_TOKEN=", "AWS_PROFILE=work")
			if tc.name == "what would go before ours is gone" {
				cmd.Args[1] = "-ec" // the variable is unset
			}
			out, err := cmd.CombinedOutput()
			if got := strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), " "); err != nil || got != tc.want {
				t.Errorf("%s, %s: %q, %v; want %q", tc.name, shell, got, err, tc.want)
			}
		}
	}
}

// A server with an operator's certificate has no authority of its own, and that
// of another server would be in the way.
func TestEnvTakesAwayAnAuthorityThatIsNotOurs(t *testing.T) {
	data := directory(t)
	if err := os.Remove(filepath.Join(data, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	code, exports, stderr := try(t, environ(), "env", "--data", data)
	if code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", exports+`echo "[$AWS_CA_BUNDLE]"`)
	cmd.Env = append(environ(), "AWS_CA_BUNDLE=/another/ca.pem")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "[]") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestCLIVersionWithoutACLI(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if v, installed := cliVersion(t.Context()); installed {
		t.Errorf("without a CLI one of version %v is found", v)
	}
}
