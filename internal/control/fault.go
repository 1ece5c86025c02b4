package control

import (
	"context"
	"errors"
	"net/http"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// Fault is the AWS exception that an operation's error becomes. An error that
// has no code is ours: it is logged here, and the caller learns no more than that.
func (p *Plane) Fault(ctx context.Context, err error) restjson.Fault {
	if f, ok := errors.AsType[restjson.Fault](err); ok {
		return f
	}
	var text string
	if e, ok := errors.AsType[*ivs.Error](err); ok {
		text = e.Message
	}
	switch ivs.CodeOf(err) {
	case ivs.Invalid:
		return restjson.Invalid(text)
	case ivs.Denied:
		return restjson.Fault{Name: "AccessDeniedException", Status: http.StatusForbidden, Message: text}
	case ivs.Throttled:
		return restjson.Fault{Name: "ThrottlingException", Status: http.StatusTooManyRequests, Message: text}
	case ivs.NotFound:
		return named("ResourceNotFoundException", http.StatusNotFound, text)
	case ivs.NotLive:
		return named("ChannelNotBroadcasting", http.StatusNotFound, text)
	case ivs.Conflict:
		return named("ConflictException", http.StatusConflict, text)
	case ivs.QuotaExceeded:
		return named("ServiceQuotaExceededException", http.StatusPaymentRequired, text)
	case ivs.Unavailable:
		return p.unavailable(ctx, err)
	case ivs.Internal:
	}
	if ctx.Err() != nil {
		return p.unavailable(ctx, err) // the caller is gone, or we are stopping
	}
	p.Log.ErrorContext(ctx, "request failed", "op", restjson.OperationName(ctx), "request", restjson.RequestID(ctx), "err", err)
	return restjson.Fault{Name: "InternalServerException", Status: http.StatusInternalServerError, Message: "internal error"}
}

// named is a fault whose text begins with its name.
func named(name string, status int, text string) restjson.Fault {
	return restjson.Fault{Name: name, Status: status, Message: name + ": " + text}
}

// unavailable is what passes if the caller tries again. StopStream has its own
// name for it.
func (p *Plane) unavailable(ctx context.Context, err error) restjson.Fault {
	op := restjson.OperationName(ctx)
	p.Log.WarnContext(ctx, "request refused for now", "op", op, "request", restjson.RequestID(ctx), "err", err)
	if op == "StopStream" {
		return restjson.Fault{Name: "StreamUnavailable", Status: http.StatusServiceUnavailable, Message: "The stream is temporarily unavailable."}
	}
	return restjson.Fault{Name: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Message: "The service is temporarily unavailable."}
}
