package restjson

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"openivs/internal/limit"
)

// An exchange holds the memory of one request and its answer, for reuse.
type exchange struct {
	body    []byte
	answer  []byte
	decoder Decoder

	input, output any // of the operation, once they are known

	from netip.Prefix // who sent it
	held int64        // bytes of the budget for bodies
}

// maxKept is the most memory that waits for the next request, in bytes.
const maxKept = 64 << 10

type exchangePool struct{ pool sync.Pool }

func (p *exchangePool) get() *exchange {
	if x, ok := p.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (p *exchangePool) put(x *exchange) {
	x.input, x.output = nil, nil
	if cap(x.body) <= maxKept && cap(x.answer) <= maxKept && cap(x.decoder.text) <= maxKept {
		x.decoder.reset(nil, "", "")
		p.pool.Put(x)
	}
}

const (
	firstRead = 512 // bytes to begin a body with

	// smallBody is how many bytes of a body are read of anybody: a connection
	// costs as much.
	smallBody = 4 << 10
)

// read reads the body of r within the limits of h, and notes in c who claims to
// have sent it.
func (x *exchange) read(h *Handler, w http.ResponseWriter, r *http.Request, c *call) error {
	x.body = x.body[:0]
	most := cmp.Or(h.MaxBody, defaultMaxBody)
	if r.ContentLength > most {
		return tooLarge(most)
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil
	}
	if h.Claim != nil && (r.ContentLength < 0 || r.ContentLength > smallBody) {
		var err error
		if c.caller, err = h.Claim(r); err != nil {
			return err
		}
	}
	x.from = limit.NetworkOf(r.RemoteAddr)
	if !x.hold(h, cap(x.body)) {
		x.body = nil
	}
	patience := cmp.Or(h.BodyTimeout, defaultBodyTimeout)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(patience)) // a writer without deadlines is a test's
	err := x.readAll(h, r.Body, most, r.ContentLength)
	switch {
	case err == nil:
		_ = control.SetReadDeadline(time.Time{}) // the operation has its own time
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Fault{Name: "RequestTimeoutException", Status: http.StatusRequestTimeout, Message: "The request body did not arrive within " + patience.String() + "."}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return aborted()
	default:
		return err
	}
}

// readAll reads a body of at most so many bytes, of which so many were announced,
// or -1. What is set aside for it grows with what has come.
func (x *exchange) readAll(h *Handler, body io.Reader, most, announced int64) error {
	for {
		if len(x.body) == cap(x.body) {
			size := min(max(2*int64(cap(x.body)), firstRead), most+1)
			if whole := announced + 1; whole > int64(cap(x.body)) {
				size = min(size, whole)
			}
			if !x.hold(h, int(size)) {
				return crowded()
			}
			x.body = append(make([]byte, 0, size), x.body...)
		}
		n, err := body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case int64(len(x.body)) > most:
			return tooLarge(most)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.ErrUnexpectedEOF):
			return Fault{Name: "MalformedHttpRequestException", Status: http.StatusBadRequest, Message: "The request body could not be read."}
		case err != nil:
			return err
		}
	}
}

// hold takes what a buffer of n bytes costs out of the budget, if that has it.
func (x *exchange) hold(h *Handler, n int) bool {
	if n <= smallBody+1 { // a byte more, to see the end
		return true
	}
	more := int64(n) - x.held
	if more > 0 && !h.bodies.Acquire(x.from, more, cmp.Or(h.MaxBodies, defaultMaxBodies), cmp.Or(h.MaxBodiesPerAddr, defaultMaxBodiesPerAddr)) {
		return false
	}
	x.held += max(more, 0)
	return true
}

// letGo gives back what the body took out of the budget.
func (x *exchange) letGo(h *Handler) {
	if x.held > 0 {
		h.bodies.Release(x.from, x.held)
		x.held = 0
	}
}

func tooLarge(limit int64) Fault {
	return Fault{
		Name: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: "The request body has more than " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// crowded answers a body that there is no room for. SDKs try again.
func crowded() Fault {
	return unavailable("Too many large requests are being read. Try again in a moment.")
}

// unavailable is the fault of what passes (API: Common Errors).
func unavailable(message string) Fault {
	return Fault{Name: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Message: message}
}

func aborted() Fault {
	return Fault{Name: "RequestAbortedException", Status: http.StatusBadRequest, Message: "The request was aborted before it was complete."}
}
