// Package cloudwatch answers who asks for metrics as they would ask Amazon
// CloudWatch: GetMetricData, GetMetricStatistics and ListMetrics of the namespace
// AWS/IVS, by each of the protocols that AWS clients speak.
//
// It has no measurement of its own: whoever joins it to the rest of the server
// says where they are.
package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
	"openivs/internal/metric"
)

// SigningName is the service that requests are signed for.
const SigningName = "monitoring"

const (
	target   = "GraniteServiceVersion20100801"
	version  = "2010-08-01"
	xmlSpace = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	maxBody  = 1 << 20 // bytes of a request's body
	bodyTime = 20 * time.Second
)

// Series is where measurements are.
type Series interface {
	// Query sums a field of a channel or of the account up by periods.
	Query(key string, f metric.Field, from, to time.Time, period time.Duration) ([]metric.Bucket, error)

	// Channels lists the ids of channels that have measurements since a time.
	Channels(since time.Time) ([]string, error)
}

// A Handler serves the operations. Set the fields before the first request and
// leave them alone afterwards.
type Handler struct {
	// Authenticate says who signed r, whose body is body. A restjson.Fault is
	// answered as it stands. Required.
	Authenticate func(r *http.Request, body []byte) (restjson.Identity, error)

	// Authorize says whether somebody may do cloudwatch:OPERATION. Required.
	Authorize func(ctx context.Context, who restjson.Identity, action, resource string) error

	Series Series       // required
	Log    *slog.Logger // required
}

// Serves reports whether a request is for Amazon CloudWatch.
func Serves(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	if strings.HasPrefix(r.URL.Path, "/service/"+target+"/") {
		return true
	}
	return r.URL.Path == "/" && (strings.HasPrefix(r.Header.Get("X-Amz-Target"), target+".") ||
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"))
}

// A protocol is how a client speaks.
type protocol int

const (
	query protocol = iota // AWS query: a form, answered with XML
	json1                 // AWS JSON 1.0
	rpcV2                 // Smithy RPC v2 CBOR
)

func protocolOf(r *http.Request) protocol {
	switch {
	case r.URL.Path != "/":
		return rpcV2
	case r.Header.Get("X-Amz-Target") != "":
		return json1
	default:
		return query
	}
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, id := protocolOf(r), restjson.NewID()
	op, out, err := h.do(w, r, p)
	if err == nil {
		p.answer(w, op, id, out)
		return
	}
	f := faultOf(err)
	if f.status >= http.StatusInternalServerError && r.Context().Err() == nil {
		h.Log.ErrorContext(r.Context(), "an operation failed", "op", op, "request", id, "err", err)
	}
	p.refuse(w, id, f)
}

func (h *Handler) do(w http.ResponseWriter, r *http.Request, p protocol) (op string, out output, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // a writer without deadlines is a test's
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", nil, wrong("The request's body has more than %d bytes or did not arrive.", maxBody)
	}
	_ = control.SetReadDeadline(time.Time{})
	who, err := h.Authenticate(r, body)
	if err != nil {
		return "", nil, err
	}
	op, in, err := p.read(r, body)
	if err != nil {
		return op, nil, err
	}
	serve := map[string]func(*Handler, input) (output, error){
		"GetMetricData": (*Handler).getMetricData, "GetMetricStatistics": (*Handler).getMetricStatistics, "ListMetrics": (*Handler).listMetrics,
	}[op]
	if serve == nil {
		return op, nil, fault{
			"InvalidAction", "UnknownOperationException", http.StatusBadRequest,
			fmt.Sprintf("The action %s is not valid for this web service: it has GetMetricData, GetMetricStatistics and ListMetrics.", clip(op)),
		}
	}
	if err := h.Authorize(r.Context(), who, "cloudwatch:"+op, "*"); err != nil {
		return op, nil, err
	}
	out, err = serve(h, in)
	return op, out, err
}

// read finds the operation and its input.
func (p protocol) read(r *http.Request, body []byte) (op string, in input, err error) {
	switch p {
	case query:
		in, err = fromForm(body)
		if err == nil && in.text("Version") != version {
			err = wrong("The version is %q, want %s.", clip(in.text("Version")), version)
		}
		return in.text("Action"), in, err
	case json1:
		op = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), target+".")
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return op, nil, fault{"SerializationException", "SerializationException", http.StatusBadRequest, "The body is not JSON."}
		}
		in, _ = fromJSON(v).(input)
		return op, in, nil
	default:
		rest := strings.TrimPrefix(r.URL.Path, "/service/"+target+"/")
		op = strings.TrimPrefix(rest, "operation/")
		if op == rest || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
			return op, nil, fault{"SerializationException", "SerializationException", http.StatusBadRequest, "The request does not speak rpc-v2-cbor."}
		}
		if len(body) == 0 {
			return op, input{}, nil
		}
		v, err := cbor.Decode(body)
		if err != nil {
			return op, nil, fault{"SerializationException", "SerializationException", http.StatusBadRequest, "The body is not CBOR."}
		}
		in, _ = fromCBOR(v).(input)
		return op, in, nil
	}
}

func (p protocol) answer(w http.ResponseWriter, op, id string, out output) {
	switch p {
	case query:
		b := []byte("<" + op + `Response xmlns="` + xmlSpace + `"><` + op + "Result>")
		b = appendXML(b, out)
		b = append(b, "</"+op+"Result><ResponseMetadata><RequestId>"+id+"</RequestId></ResponseMetadata></"+op+"Response>"...)
		p.write(w, id, http.StatusOK, b)
	case json1:
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(toJSON(out)); err != nil { // a number that is none
			p.refuse(w, id, faultOf(err))
			return
		}
		p.write(w, id, http.StatusOK, b.Bytes())
	default:
		p.write(w, id, http.StatusOK, cbor.Encode(toCBOR(out)))
	}
}

func (p protocol) refuse(w http.ResponseWriter, id string, f fault) {
	side := "Sender"
	if f.status >= http.StatusInternalServerError {
		side = "Receiver"
	}
	body := output{{"__type", "com.amazonaws.cloudwatch#" + f.name}, {"message", f.message}, {"Message", f.message}} // the model has both
	w.Header().Set("X-Amzn-Query-Error", f.code+";"+side)
	switch p {
	case query:
		b := []byte(`<ErrorResponse xmlns="` + xmlSpace + `"><Error>`)
		b = appendXML(b, output{{"Type", side}, {"Code", f.code}, {"Message", f.message}})
		b = append(b, "</Error><RequestId>"+id+"</RequestId></ErrorResponse>"...)
		p.write(w, id, f.status, b)
	case json1:
		b, err := json.Marshal(toJSON(body))
		if err != nil {
			b = nil
		}
		p.write(w, id, f.status, b)
	default:
		p.write(w, id, f.status, cbor.Encode(toCBOR(body)))
	}
}

func (p protocol) write(w http.ResponseWriter, id string, status int, body []byte) {
	h := w.Header()
	switch p {
	case query:
		h.Set("Content-Type", "text/xml")
	case json1:
		h.Set("Content-Type", "application/x-amz-json-1.0")
	default:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	h.Set("X-Amzn-Requestid", id)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// A fault is an error as clients get it: its code in the query protocol, its name
// in the others.
type fault struct {
	code    string
	name    string
	status  int
	message string
}

// Error returns code and message.
func (f fault) Error() string { return f.code + ": " + f.message }

func wrong(format string, args ...any) error {
	return fault{"InvalidParameterValue", "InvalidParameterValueException", http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return fault{"MissingParameter", "MissingRequiredParameterException", http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func clash(format string, args ...any) error {
	return fault{"InvalidParameterCombination", "InvalidParameterCombinationException", http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return fault{"ValidationError", "ValidationError", http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// faultOf says how an error is answered.
func faultOf(err error) fault {
	if f, ok := errors.AsType[fault](err); ok {
		return f
	}
	if f, ok := errors.AsType[restjson.Fault](err); ok {
		code := strings.TrimSuffix(f.Name, "Exception")
		switch f.Name { // as services of the query protocol call them
		case "UnrecognizedClientException":
			code = "InvalidClientTokenId"
		case "InvalidSignatureException":
			code = "SignatureDoesNotMatch"
		}
		return fault{code, f.Name, f.Status, f.Message}
	}
	switch ivs.CodeOf(err) {
	case ivs.Denied:
		return fault{"AccessDenied", "AccessDeniedException", http.StatusForbidden, err.Error()}
	case ivs.Unavailable:
		return fault{"ServiceUnavailable", "ServiceUnavailableException", http.StatusServiceUnavailable, err.Error()}
	default:
		return fault{"InternalFailure", "InternalServiceFault", http.StatusInternalServerError, "internal error"}
	}
}
