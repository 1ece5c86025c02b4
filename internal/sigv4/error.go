package sigv4

import (
	"fmt"
	"net/http"
)

// A Reason is why a request was refused, for programs.
type Reason int

// The reasons.
const (
	NoAuthorization Reason = iota // there is no Authorization header
	Malformed                     // it cannot be read, or a part is missing
	WrongScope                    // the credential is for another region, service or day
	UnknownKey                    // there is no such access key
	BadToken                      // the session token is not the key's
	ExpiredToken                  // the credential has expired
	BadDate                       // the request's time is missing or unreadable
	Skewed                        // the request's time is too far from ours
	Unsigned                      // a header that must be signed is not
	BodyMismatch                  // the body is not the one the request announces
	BadSignature                  // the signature is not the one we would have made
	BadTarget                     // path or query cannot be read
	TooLarge                      // the request's head is over a limit
)

// fault is AWS's name and status for a reason.
func (r Reason) fault() (name string, status int) {
	switch r {
	case NoAuthorization:
		return "MissingAuthenticationTokenException", http.StatusForbidden
	case Malformed, BadDate:
		return "IncompleteSignatureException", http.StatusForbidden
	case UnknownKey, BadToken:
		return "UnrecognizedClientException", http.StatusForbidden
	case ExpiredToken:
		return "ExpiredTokenException", http.StatusForbidden
	case WrongScope, Skewed, Unsigned, BodyMismatch, BadSignature:
		return "InvalidSignatureException", http.StatusForbidden
	case BadTarget:
		return "MalformedHttpRequestException", http.StatusBadRequest
	case TooLarge:
		return "RequestEntityTooLargeException", http.StatusRequestEntityTooLarge
	default:
		return "AccessDeniedException", http.StatusForbidden
	}
}

// invalidToken is AWS's text for keys and session tokens that it does not know.
const invalidToken = "The security token included in the request is invalid."

// An Error is a request refused, with what AWS would have answered.
type Error struct {
	Reason  Reason
	Name    string // AWS's name of the error
	Status  int    // HTTP status
	Message string // for the caller
}

// Error returns name and message.
func (e *Error) Error() string { return e.Name + ": " + e.Message }

func refuse(why Reason, format string, args ...any) error {
	name, status := why.fault()
	return &Error{Reason: why, Name: name, Status: status, Message: fmt.Sprintf(format, args...)}
}
