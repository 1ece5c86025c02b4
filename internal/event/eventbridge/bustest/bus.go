// Package bustest is an event bus for tests: as strict as Amazon's in what it
// takes (Amazon EventBridge API reference, PutEvents), and it remembers what it
// took.
//
// It has one operation, and no rules or targets.
package bustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxEntries = 10
	maxTotal   = 256 << 10 // bytes of all entries of a call
)

// An Entry is an event as it was put.
type Entry struct {
	Source       string
	DetailType   string
	Detail       string
	EventBusName string
	Resources    []string
	Time         float64 // seconds since 1970
	TraceHeader  string
}

// At is when the event happened.
func (e Entry) At() time.Time { return time.UnixMilli(int64(e.Time * 1000)).UTC() }

// A Bus takes events. Set the fields before the first request and leave them
// alone afterwards.
type Bus struct {
	// Verify says who signed a request with a body, or why it is refused.
	Verify func(r *http.Request, body []byte) error

	// Judge says what becomes of an entry: an error code, or "" if it is taken.
	// nil: all are taken.
	Judge func(e Entry) string

	// Down answers a call with a status; 0: the call is served. nil: all are.
	Down func() int

	mu    sync.Mutex
	taken []Entry
	calls int
}

// Taken returns all that was taken, in order.
func (b *Bus) Taken() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Entry(nil), b.taken...)
}

// Calls is how many calls were served.
func (b *Bus) Calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// ServeHTTP serves PutEvents.
func (b *Bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTotal*2))
	if err != nil {
		return
	}
	if b.Down != nil {
		if status := b.Down(); status != 0 {
			fault(w, status, "InternalException", "down")
			return
		}
	}
	if err := b.Verify(r, body); err != nil {
		fault(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
		return
	}
	entries, err := decode(r, body)
	if err != nil {
		fault(w, http.StatusBadRequest, "ValidationException", err.Error())
		return
	}
	b.put(w, entries)
}

// decode reads a call as the service does.
func decode(r *http.Request, body []byte) ([]Entry, error) {
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		return nil, fmt.Errorf("%s %s is no call", r.Method, r.URL.Path)
	case r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents":
		return nil, fmt.Errorf("target %q", r.Header.Get("X-Amz-Target"))
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		return nil, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	var in struct{ Entries []Entry }
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, err
	}
	if n := len(in.Entries); n < 1 || n > maxEntries {
		return nil, fmt.Errorf("1 validation error detected: Value at 'entries' has %d members", n)
	}
	total := 0
	for _, e := range in.Entries {
		total += len(e.Source) + len(e.Detail) + len(e.DetailType) + 14
		for _, r := range e.Resources {
			total += len(r)
		}
	}
	if total > maxTotal {
		return nil, fmt.Errorf("total size of the entries in the request is over the limit")
	}
	return in.Entries, nil
}

// result is what became of an entry.
type result struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (b *Bus) put(w http.ResponseWriter, entries []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	out := struct {
		FailedEntryCount int
		Entries          []result
	}{Entries: []result{}}
	for _, e := range entries {
		code := refusal(e)
		if code == "" && b.Judge != nil {
			code = b.Judge(e)
		}
		if code != "" {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, result{ErrorCode: code, ErrorMessage: "it is refused"})
			continue
		}
		b.taken = append(b.taken, e)
		out.Entries = append(out.Entries, result{EventID: strconv.Itoa(len(b.taken))})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // the client is gone if this fails
}

// refusal is what the service has against an entry.
func refusal(e Entry) string {
	var detail map[string]any
	switch {
	case e.Source == "" || e.DetailType == "" || e.Detail == "" || e.Time < 0:
		return "InvalidArgument"
	case json.Unmarshal([]byte(e.Detail), &detail) != nil:
		return "MalformedDetail"
	default:
		return ""
	}
}

func fault(w http.ResponseWriter, status int, name, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": name, "message": message}) // as above
}
