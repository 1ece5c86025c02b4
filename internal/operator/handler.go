// Package operator serves what Amazon IVS has no operation for: one documented
// JSON API under /openivs/v1/, signed and authorised like the other, that the
// console and the command line use.
//
// It knows requests and answers; what it tells and does is asked of whoever joins
// it to the rest of the server.
package operator

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// Root is where all paths of this API begin.
const Root = "/openivs/v1/"

// SigningName is the service that requests are signed for.
const SigningName = "openivs"

const (
	maxBody  = 64 << 10         // bytes of a request's body
	bodyTime = 20 * time.Second // for it to arrive
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of this API.
func OpenAPI() []byte { return openAPI }

// A Handler serves the API. Set the fields before the first request and leave
// them alone afterwards.
type Handler struct {
	// Authenticate says who signed r, whose body is body. A restjson.Fault is
	// answered as it stands. Required.
	Authenticate func(r *http.Request, body []byte) (restjson.Identity, error)

	// Authorize says whether somebody may do openivs:ACTION on a resource. Required.
	Authorize func(ctx context.Context, who restjson.Identity, action, resource string) error

	Region, Account string // of the channels

	Events   Events       // required
	Sinks    Sinks        // required
	Series   Series       // required
	Sessions Sessions     // required
	Traces   Traces       // required
	Self     Self         // required
	Log      *slog.Logger // required

	Temporary Temporary // required
	Faults    Faults    // nil: nothing goes wrong on purpose

	Recordings Recordings // required
	Vault      Vault      // required

	// Stopping is closed when streams of events are to end. nil: never.
	Stopping <-chan struct{}

	once      sync.Once
	mux       *http.ServeMux
	streams   limited
	verifying limited
	links     links
}

// A route is one operation.
type route struct {
	method string
	path   string // below Root, with {labels}
	action string // without openivs:
	serve  func(h *Handler, x *exchange) (any, error)
}

// routes are all operations.
func routes() []route {
	return slices.Concat(selfRoutes(), recordingRoutes(), []route{
		{http.MethodGet, "events", "ListEvents", (*Handler).listEvents},
		{http.MethodGet, "channels/{channel}/series/{measurement}", "GetSeries", (*Handler).getSeries},
		{http.MethodGet, "channels/{channel}/sessions/{session}/health", "GetSessionHealth", (*Handler).getHealth},
		{http.MethodGet, "sessions/{session}/trace", "GetSessionTrace", (*Handler).getTrace},
		{http.MethodPost, "channels/{channel}/faults", "InjectFault", (*Handler).injectFault},
		{http.MethodGet, "sinks", "ListSinks", (*Handler).listSinks},
		{http.MethodGet, "sinks/{sink}/dead-letters", "ListDeadLetters", (*Handler).listDeadLetters},
		{http.MethodPost, "sinks/{sink}/resend", "ResendDeadLetters", (*Handler).resend},
		{http.MethodPost, "sinks/{sink}/replay", "ReplayEvents", (*Handler).replay},
	})
}

// An exchange is one request that is being served.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	route  route
	body   []byte
	caller restjson.Identity
}

// answered is what an operation returns that has written its answer.
type answered struct{}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.once.Do(h.index)
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) index() {
	h.mux = http.NewServeMux()
	for _, t := range routes() {
		h.mux.HandleFunc(t.method+" "+Root+t.path, func(w http.ResponseWriter, r *http.Request) { h.carry(w, r, t) })
	}
	h.mux.HandleFunc("GET "+Root+"openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI) // the client is gone if this fails
	})
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, ivs.Errorf(ivs.NotFound, "there is nothing at %s %s: see %sopenapi.json", r.Method, clip(r.URL.Path), Root))
	})
}

// carry carries a request out and answers it.
func (h *Handler) carry(w http.ResponseWriter, r *http.Request, t route) {
	x := &exchange{w: w, r: r, route: t}
	out, err := h.do(x)
	if _, done := out.(answered); done && err == nil {
		return
	}
	if err == nil {
		write(w, http.StatusOK, out)
		return
	}
	if refuse(w, err) == http.StatusInternalServerError && r.Context().Err() == nil {
		h.Log.ErrorContext(r.Context(), "an operation failed", "op", t.action, "err", err)
	}
}

func (h *Handler) do(x *exchange) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error("an operation panicked", "op", x.route.action, "err", p, "stack", string(debug.Stack()))
			out, err = nil, errors.New("panic")
		}
	}()
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // a writer without deadlines is a test's
	x.body, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if err != nil {
		return nil, ivs.Errorf(ivs.Invalid, "the request's body has more than %d bytes or did not arrive", maxBody)
	}
	_ = control.SetReadDeadline(time.Time{})
	if x.route.action == useLink {
		return x.route.serve(h, x)
	}
	if x.caller, err = h.Authenticate(x.r, x.body); err != nil {
		return nil, err
	}
	return x.route.serve(h, x)
}

// may says whether the caller may do this on a resource.
func (h *Handler) may(x *exchange, resource string) error {
	return h.Authorize(x.r.Context(), x.caller, "openivs:"+x.route.action, resource)
}

// everything is the resource of what is about no one channel.
const everything = "*"

// channel returns the ARN of a channel that is named by it or by its id.
func (h *Handler) channel(name string) (ivs.ARN, error) {
	if strings.HasPrefix(name, "arn:") {
		return ivs.ParseARN(name)
	}
	return ivs.ParseARN(ivs.ARN{Service: "ivs", Region: h.Region, Account: h.Account, Kind: ivs.KindChannel, ID: name}.String())
}

// input reads the body, which may be absent.
func (x *exchange) input(into any) error {
	if len(x.body) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(x.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return ivs.Errorf(ivs.Invalid, "the body cannot be read: %w", err)
	}
	return nil
}

// number reads a number of the query, or returns what is meant without it.
func (x *exchange) number(name string, byDefault, least, most int64) (int64, error) {
	text := x.r.URL.Query().Get(name)
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, ivs.Errorf(ivs.Invalid, "%s is %q, want a whole number from %d to %d", name, clip(text), least, most)
	}
	return n, nil
}

// moment reads a time of the query: as RFC 3339 has it, or how long ago.
func (x *exchange) moment(name string) (time.Time, error) {
	text := x.r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	return parseTime(name, text)
}

func parseTime(name, text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	return time.Time{}, ivs.Errorf(ivs.Invalid, "%s is %q, want a time such as 2026-01-02T15:04:05Z, or how long ago, such as 15m", name, clip(text))
}

// refuse answers with an error and returns the status.
func refuse(w http.ResponseWriter, err error) int {
	out := struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{Message: err.Error()}
	var status int
	if f, ok := errors.AsType[restjson.Fault](err); ok {
		out.Code, out.Message, status = f.Name, f.Message, f.Status
	} else {
		out.Code, status = named(ivs.CodeOf(err))
	}
	if status == http.StatusInternalServerError {
		out.Message = "internal error"
	}
	write(w, status, out)
	return status
}

func named(c ivs.Code) (name string, status int) {
	switch c {
	case ivs.Invalid:
		return "Invalid", http.StatusBadRequest
	case ivs.Denied:
		return "Denied", http.StatusForbidden
	case ivs.NotFound, ivs.NotLive:
		return "NotFound", http.StatusNotFound
	case ivs.Conflict:
		return "Conflict", http.StatusConflict
	case ivs.QuotaExceeded:
		return "QuotaExceeded", http.StatusPaymentRequired
	case ivs.Unavailable:
		return "Unavailable", http.StatusServiceUnavailable
	default:
		return "Internal", http.StatusInternalServerError
	}
}

func write(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the client is gone if this fails
}

func clip(s string) string {
	const most = 100
	return s[:min(len(s), most)]
}

// limited counts what there may be few of.
type limited struct {
	mu sync.Mutex
	n  int
}

func (l *limited) take(most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= most {
		return false
	}
	l.n++
	return true
}

func (l *limited) give() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
}
