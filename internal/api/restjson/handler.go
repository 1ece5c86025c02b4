package restjson

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"openivs/internal/limit"
)

// A Handler serves the operations of an API. Its fields are set before the
// first request and left alone afterwards.
//
// A request is routed, read, authenticated, decoded and validated, checked,
// admitted and then carried out; the first step that refuses it decides the
// answer.
type Handler struct {
	// Operations are what a generated Operations function returns. Required.
	Operations []Operation

	// Claim says who claims to have signed r, and refuses what Authenticate would
	// refuse whatever the body. It is asked before a body that is not small is
	// read. nil: every such body is read.
	Claim func(r *http.Request) (Identity, error)

	// Authenticate says who signed r, whose body is body and good until it
	// returns. Required. A Fault is answered as it stands, any other error as
	// Fault translates it; the identity beside an error is a mere claim.
	Authenticate func(r *http.Request, body []byte) (Identity, error)

	// Check holds a request to the rules that the model does not state and the
	// request alone decides. in is the operation's input. nil: there are none.
	Check func(ctx context.Context, operation string, in any) error

	// Admit says whether a well-formed request may be carried out: rights
	// first, then rates. in is the operation's input. nil: every request may.
	Admit func(ctx context.Context, operation string, in any) error

	// Fault translates an error that is not a Fault. nil: every such error is
	// an internal one.
	Fault func(error) Fault

	// Audit is told of each request of an operation that has been answered, also
	// of one that was refused. It must not keep the Record. nil: nobody is told.
	Audit func(*Record)

	// Log gets the errors behind answers of status 500 and above. nil: nothing.
	Log *slog.Logger

	MaxBody     int64         // bytes of a request body; 0: 1 MiB
	BodyTimeout time.Duration // for a request body to arrive; 0: 20 s

	MaxBodies        int64 // bytes that bodies take at a time, small ones left out; 0: 64 MiB
	MaxBodiesPerAddr int64 // the same of one IPv4 address or IPv6 /64; 0: 16 MiB

	once      sync.Once
	routes    map[string][]*Operation // by path
	labelled  []*Operation            // those whose path ends in a label
	exchanges exchangePool
	packers   packerPool
	bodies    limit.Counter // bytes
}

const (
	defaultMaxBody          = 1 << 20
	defaultBodyTimeout      = 20 * time.Second
	defaultMaxBodies        = 64 << 20
	defaultMaxBodiesPerAddr = 16 << 20
)

// ServeHTTP serves one request. A panic of an operation is answered with 500.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.once.Do(h.index)
	c := &call{requestID: NewID(), gzip: acceptsGzip(r.Header)}
	x := h.exchanges.get()
	op, label := h.route(r)
	if op == nil {
		hangUp(w, r)
		h.refuse(w, x, c, Fault{Name: "UnknownOperationException", Status: http.StatusNotFound})
		h.exchanges.put(x)
		return
	}
	c.operation = op.Name
	ctx := context.WithValue(r.Context(), callKey{}, c)
	at := time.Now()
	var fault Fault
	if err := h.do(ctx, w, r, op, label, x, c); err != nil {
		fault = h.translate(ctx, op, c, err)
		h.refuse(w, x, c, fault)
	} else {
		h.succeed(w, x, op, c)
	}
	h.record(&Record{
		Operation: op, RequestID: c.requestID, At: at, Caller: c.caller, Request: r,
		Input: x.input, Output: x.output, Fault: fault,
	})
	x.letGo(h)
	h.exchanges.put(x)
}

// TurnAway returns what answers requests that cannot be served now, with a
// message for people: the client is to come back, on another connection. Nothing
// of a request but its head is looked at.
func (h *Handler) TurnAway(message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.turnAway(w, r, unavailable(message)) })
}

func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, fault Fault) {
	h.once.Do(h.index)
	c := &call{requestID: NewID(), gzip: acceptsGzip(r.Header)}
	x := h.exchanges.get()
	defer h.exchanges.put(x)
	op, _ := h.route(r)
	if op != nil {
		c.operation = op.Name
	}
	at, head := time.Now(), w.Header()
	head["Retry-After"] = []string{"2"}
	head["Connection"] = []string{"close"}
	h.refuse(w, x, c, fault)
	if op == nil {
		return
	}
	if h.Claim != nil {
		c.caller, _ = h.Claim(r) // whether it may be true is no matter here
	}
	h.record(&Record{Operation: op, RequestID: c.requestID, At: at, Caller: c.caller, Request: r, Fault: fault})
}

func (h *Handler) record(r *Record) {
	if h.Audit != nil {
		h.Audit(r)
	}
}

func (h *Handler) index() {
	h.routes = make(map[string][]*Operation)
	for i := range h.Operations {
		op := &h.Operations[i]
		if strings.HasSuffix(op.Path, "}") {
			h.labelled = append(h.labelled, op)
			continue
		}
		h.routes[op.Path] = append(h.routes[op.Path], op)
	}
}

// route finds the operation by the path as it was sent: an encoded slash does
// not end a label.
func (h *Handler) route(r *http.Request) (op *Operation, label string) {
	path := r.URL.EscapedPath()
	for _, op := range h.routes[path] {
		if op.Method == r.Method {
			return op, ""
		}
	}
	for _, op := range h.labelled {
		prefix, _, _ := strings.Cut(op.Path, "{")
		label, ok := strings.CutPrefix(path, prefix)
		if ok && label != "" && op.Method == r.Method {
			return op, label
		}
	}
	return nil, ""
}

// do carries a request out as far as it gets. The answer is in x.
func (h *Handler) do(ctx context.Context, w http.ResponseWriter, r *http.Request, op *Operation, label string, x *exchange, c *call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	if err = x.read(h, w, r, c); err != nil {
		hangUp(w, r)
		return err
	}
	if c.caller, err = h.Authenticate(r, x.body); err != nil {
		return err
	}
	x.decoder.reset(x.body, label, r.URL.RawQuery)
	return op.serve(ctx, x, h.admit)
}

// admit takes a request whose members are valid one by one to its operation.
func (h *Handler) admit(ctx context.Context, operation string, in any) error {
	if h.Check != nil {
		if err := h.Check(ctx, operation, in); err != nil {
			return err
		}
	}
	if h.Admit == nil {
		return nil
	}
	return h.Admit(ctx, operation, in)
}

// A panicError is what a panic of an operation becomes.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// hangUp ends the connection after the answer if there is more of the request to
// come, which the server would otherwise wait for.
func hangUp(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		w.Header()["Connection"] = []string{"close"}
	}
}

// translate finds the answer to an error, and logs what the answer hides.
func (h *Handler) translate(ctx context.Context, op *Operation, c *call, err error) Fault {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return aborted() // nobody reads it
	}
	f, ok := errors.AsType[Fault](err)
	if !ok {
		f = h.fault(err)
	}
	if f.Status == http.StatusInternalServerError {
		f.Name = "InternalFailure" // every operation may answer it
		if op.Models("InternalServerException") {
			f.Name = "InternalServerException"
		}
	}
	if f.Status >= http.StatusInternalServerError && f != crowded() { // clients alone bring that about
		h.report(ctx, op, c, err)
	}
	return f
}

func (h *Handler) fault(err error) Fault {
	_, isPanic := errors.AsType[*panicError](err)
	if isPanic || h.Fault == nil {
		return Fault{Status: http.StatusInternalServerError, Message: "internal error"}
	}
	return h.Fault(err)
}

func (h *Handler) report(ctx context.Context, op *Operation, c *call, err error) {
	if h.Log == nil {
		return
	}
	h.Log.ErrorContext(ctx, "an operation failed", "op", op.Name, "request", c.requestID, "err", err)
}

func (h *Handler) succeed(w http.ResponseWriter, x *exchange, op *Operation, c *call) {
	head := w.Header()
	if op.Headers {
		protocolHeaders(head)
	}
	if op.Status == http.StatusNoContent {
		head["X-Amzn-Requestid"] = []string{c.requestID}
		w.WriteHeader(op.Status)
		return
	}
	h.write(w, c, op.Status, x.answer)
}

func (h *Handler) refuse(w http.ResponseWriter, x *exchange, c *call, f Fault) {
	head := w.Header()
	protocolHeaders(head)
	head["X-Amzn-Errortype"] = []string{f.Name}
	b := append(x.answer[:0], '{')
	if c.operation != "" { // what is at an unknown path has nothing to say
		// The model has the first, and botocore shows only the second.
		b = append(appendQuoted(append(b, `"exceptionMessage":`...), f.Message), ',')
		b = append(appendQuoted(append(b, `"message":`...), f.Message), ',')
	}
	x.answer = EndObject(b)
	h.write(w, c, f.Status, x.answer)
}

func (h *Handler) write(w http.ResponseWriter, c *call, status int, body []byte) {
	head := w.Header()
	if len(body) >= minGzip {
		head["Vary"] = []string{"Accept-Encoding"}
		if c.gzip {
			head["Content-Encoding"] = []string{"gzip"}
			k := h.packers.get()
			defer h.packers.put(k)
			body = k.pack(body)
		}
	}
	values := []string{"application/json", strconv.Itoa(len(body)), c.requestID}
	head["Content-Type"] = values[0:1:1]
	head["Content-Length"] = values[1:2:2]
	head["X-Amzn-Requestid"] = values[2:3:3]
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// protocolHeaders sets what every fault has, and the answers that model it.
func protocolHeaders(h http.Header) {
	h["Access-Control-Allow-Origin"] = []string{"*"}
	h["Access-Control-Expose-Headers"] = []string{"x-amzn-RequestId,x-amzn-ErrorType,Date"}
	h["Cache-Control"] = []string{"no-store, no-cache"}
	h["Content-Security-Policy"] = []string{"default-src 'self'; upgrade-insecure-requests;"}
	h["Strict-Transport-Security"] = []string{"max-age=47304000; includeSubDomains"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Frame-Options"] = []string{"SAMEORIGIN"}
}

// NewID returns a random UUID (RFC 9562, section 5.4).
func NewID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:], id[:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
