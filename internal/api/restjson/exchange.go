package restjson

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// An exchange holds the memory of one request and its answer, for reuse.
type exchange struct {
	body    []byte
	answer  []byte
	decoder Decoder

	input, output any // of the operation, once they are known
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

const firstRead = 512 // bytes to begin a body with when its length is unknown

// read reads the body of r, at most limit bytes of it, and for no longer than
// patience.
func (x *exchange) read(w http.ResponseWriter, r *http.Request, limit int64, patience time.Duration) error {
	x.body = x.body[:0]
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(patience)) // a writer without deadlines is a test's
	err := x.readAll(r.Body, limit, r.ContentLength)
	switch {
	case err == nil:
		_ = c.SetReadDeadline(time.Time{}) // the operation has its own time
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Fault{Name: "RequestTimeoutException", Status: http.StatusRequestTimeout, Message: "The request body did not arrive within " + patience.String() + "."}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return aborted()
	default:
		return err
	}
}

func (x *exchange) readAll(body io.Reader, limit, announced int64) error {
	if need := max(announced+1, firstRead); int64(cap(x.body)) < need {
		x.body = make([]byte, 0, need)
	}
	for {
		n, err := body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case int64(len(x.body)) > limit:
			return tooLarge(limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.ErrUnexpectedEOF):
			return Fault{Name: "MalformedHttpRequestException", Status: http.StatusBadRequest, Message: "The request body could not be read."}
		case err != nil:
			return err
		case len(x.body) == cap(x.body):
			x.body = append(x.body, 0)[:len(x.body)]
		}
	}
}

func tooLarge(limit int64) Fault {
	return Fault{
		Name: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: "The request body has more than " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

func aborted() Fault {
	return Fault{Name: "RequestAbortedException", Status: http.StatusBadRequest, Message: "The request was aborted before it was complete."}
}
