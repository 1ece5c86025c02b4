package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/smithy-go"

	"openivs/e2e/server"
)

// A client is one of the programs that people call the API with.
type client interface {
	call(t *testing.T, op string, input map[string]any) reply
}

// A reply is what a client says came of a call.
type reply struct {
	Unknown bool           `json:"unknown"` // the client is older than the operation
	Error   string         `json:"error"`
	Message string         `json:"message"`
	Output  map[string]any `json:"output"`
}

// goSDK is the AWS SDK for Go.
type goSDK struct{ ivs *ivs.Client }

func (c goSDK) call(t *testing.T, op string, input map[string]any) reply {
	t.Helper()
	method := reflect.ValueOf(c.ivs).MethodByName(op)
	if !method.IsValid() {
		return reply{Unknown: true}
	}
	in := reflect.New(method.Type().In(1).Elem())
	convert(t, input, in.Interface()) // encoding/json reads channelArn into ChannelArn
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	if err, failed := reflect.TypeAssert[error](out[1]); failed {
		e, ok := errors.AsType[smithy.APIError](err)
		if !ok {
			return reply{Error: err.Error()}
		}
		return reply{Error: e.ErrorCode(), Message: textOf(e)}
	}
	var r reply
	convert(t, out[0].Interface(), &r.Output)
	return r
}

// textOf is the text of an error, which the model calls exceptionMessage and
// the SDK leaves out of ErrorMessage.
func textOf(e smithy.APIError) string {
	if f := reflect.Indirect(reflect.ValueOf(e)).FieldByName("ExceptionMessage"); f.IsValid() && !f.IsNil() {
		return f.Elem().String()
	}
	return e.ErrorMessage()
}

// convert makes one value of another by way of JSON.
func convert(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A spoken client is a program that reads calls and writes replies.
type spoken struct {
	in    io.Writer
	out   *bufio.Scanner
	knows *knowledge // nil: all there is
}

// maxReply is more than any answer of the API has, in bytes.
const maxReply = 4 << 20

// pipe starts a program that ends with the test.
func pipe(t *testing.T, s *running, knows *knowledge, name string, args ...string) client {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = s.environment(t)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = server.Background()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxReply)
	return spoken{in: in, out: lines, knows: knows}
}

func (c spoken) call(t *testing.T, op string, input map[string]any) reply {
	t.Helper()
	if c.knows != nil {
		input = c.knows.input(op, input)
	}
	line, err := json.Marshal(map[string]any{"op": op, "input": input})
	if err == nil {
		_, err = c.in.Write(append(line, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
	if !c.out.Scan() {
		t.Fatalf("%s: the client has gone: %v", op, c.out.Err())
	}
	var r reply
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		t.Fatalf("%s: %s: %v", op, c.out.Bytes(), err)
	}
	return r
}

// environment is what clients of other languages need to find the server and to
// be its first user.
func (s *running) environment(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	env := server.Environment("HOME="+t.TempDir(), "OPENIVS_API="+s.At.API, "AWS_REGION="+s.At.Region, "AWS_DEFAULT_REGION="+s.At.Region,
		"AWS_CA_BUNDLE="+filepath.Join(s.Data, "ca.pem"), "NODE_EXTRA_CA_CERTS="+filepath.Join(s.Data, "ca.pem"), "AWS_MAX_ATTEMPTS=1")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "aws_") {
			env = append(env, strings.ToUpper(strings.TrimSpace(name))+"="+strings.TrimSpace(value))
		}
	}
	return env
}

// knowledge is what an AWS client for Python knows of the API: its copy of the
// model.
type knowledge struct {
	Operations map[string]struct {
		Input struct{ Shape string }
	}
	Shapes map[string]struct {
		Type    string
		Members map[string]struct{ Shape string }
		Member  struct{ Shape string }
	}
}

// The copies of Debian's packages python3-botocore and awscli.
const (
	botocoreModel = "/usr/lib/python3/dist-packages/botocore/data/ivs/2020-07-14/service-2.json"
	awscliModel   = "/usr/lib/python3/dist-packages/awscli/botocore/data/ivs/2020-07-14/service-2.json"
)

func know(t *testing.T, file string) *knowledge {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	k := new(knowledge)
	if err := json.Unmarshal(b, k); err != nil || len(k.Operations) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	return k
}

// input is an operation's input without the members that the client would not
// take.
func (k *knowledge) input(op string, input map[string]any) map[string]any {
	out, _ := k.keep(k.Operations[op].Input.Shape, input).(map[string]any)
	return out
}

func (k *knowledge) keep(shape string, v any) any {
	s := k.Shapes[shape]
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "structure" {
			return v
		}
		out := make(map[string]any)
		for name, value := range v {
			if m, known := s.Members[name]; known {
				out[name] = k.keep(m.Shape, value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = k.keep(s.Member.Shape, v[i])
		}
		return out
	default:
		return v
	}
}

// missing lists what a client does not know of the API: operations, and
// Shape.member of the model for those that only it has.
func (k *knowledge) missing(t *testing.T) (operations, members []string) {
	t.Helper()
	m := readModel(t)
	for _, op := range sorted(m.Operations) {
		if _, ok := k.Operations[op]; !ok {
			operations = append(operations, op)
		}
	}
	for _, shape := range sorted(m.Shapes) {
		if m.Shapes[shape].Error != nil {
			continue
		}
		for _, name := range sorted(m.Shapes[shape].Members) {
			if _, ok := k.Shapes[shape].Members[name]; !ok {
				members = append(members, fmt.Sprintf("%s.%s", shape, name))
			}
		}
	}
	return operations, members
}
