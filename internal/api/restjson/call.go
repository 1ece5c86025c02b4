package restjson

import (
	"context"
	"net/http"
	"time"
)

// An Identity says who signed a request.
type Identity struct {
	AccessKey string // the access key id
	Account   string // 12 digits
	Name      string // of the principal
	ARN       string // the principal, as access-denied messages name it
}

// call is what a context carries of the request it belongs to.
type call struct {
	operation string
	requestID string
	caller    Identity
	gzip      bool // the client takes it
}

type callKey struct{}

func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// Caller returns who signed the request that ctx belongs to.
func Caller(ctx context.Context) Identity { return callFrom(ctx).caller }

// RequestID returns the id that the answer carries, or "" outside a request.
func RequestID(ctx context.Context) string { return callFrom(ctx).requestID }

// OperationName returns the operation that ctx belongs to, or "".
func OperationName(ctx context.Context) string { return callFrom(ctx).operation }

// A Record is what there is to know of a request that has been answered.
type Record struct {
	Operation *Operation
	RequestID string
	At        time.Time
	Caller    Identity      // what it claims to be, where it was not believed
	Request   *http.Request // its body has been read

	Input  any   // nil unless the caller is known and its request could be read
	Output any   // nil if the operation failed
	Fault  Fault // zero if it did not
}
