package control

import (
	"errors"
	"net/http"

	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// Fault is the AWS exception that an operation's error becomes. An error that
// has no code is ours; the caller learns no more than that.
func Fault(err error) restjson.Fault {
	if f, ok := errors.AsType[restjson.Fault](err); ok {
		return f
	}
	e, ok := errors.AsType[*ivs.Error](err)
	if !ok {
		return internal()
	}
	switch e.Code {
	case ivs.Invalid:
		return restjson.Invalid(e.Message)
	case ivs.Denied:
		return restjson.Fault{Name: "AccessDeniedException", Status: http.StatusForbidden, Message: e.Message}
	case ivs.Throttled:
		return restjson.Fault{Name: "ThrottlingException", Status: http.StatusTooManyRequests, Message: e.Message}
	case ivs.NotFound:
		return named("ResourceNotFoundException", http.StatusNotFound, e.Message)
	case ivs.NotLive:
		return named("ChannelNotBroadcasting", http.StatusNotFound, e.Message)
	case ivs.Conflict:
		return named("ConflictException", http.StatusConflict, e.Message)
	case ivs.QuotaExceeded:
		return named("ServiceQuotaExceededException", http.StatusPaymentRequired, e.Message)
	case ivs.Unavailable:
		return restjson.Fault{Name: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Message: "The service is temporarily unavailable."}
	case ivs.Internal:
		return internal()
	default:
		return internal()
	}
}

// named is a fault whose text begins with its name.
func named(name string, status int, text string) restjson.Fault {
	return restjson.Fault{Name: name, Status: status, Message: name + ": " + text}
}

// internal is the fault of an error that is ours.
func internal() restjson.Fault {
	return restjson.Fault{Name: "InternalServerException", Status: http.StatusInternalServerError, Message: "internal error"}
}

// streamUnavailable is StopStream's own name for an error that passes.
func streamUnavailable() restjson.Fault {
	return restjson.Fault{Name: "StreamUnavailable", Status: http.StatusServiceUnavailable, Message: "The stream is temporarily unavailable."}
}
