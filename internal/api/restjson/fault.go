package restjson

import "net/http"

// A Fault is an error as the protocol answers it: the exception's name, its
// status and a message for people. It is an error too, so that an operation may
// return one as it stands.
type Fault struct { //nolint:errname // the protocol's word; most of its life it is an answer, not an error
	Name    string // such as ResourceNotFoundException
	Status  int
	Message string
}

// Error returns the name and the message.
func (f Fault) Error() string {
	if f.Message == "" {
		return f.Name
	}
	return f.Name + ": " + f.Message
}

// Invalid is the fault of a request that breaks a rule.
func Invalid(message string) Fault {
	return Fault{Name: "ValidationException", Status: http.StatusBadRequest, Message: message}
}

// NotAvailable is what an operation without a handler answers. Every operation
// models the exception and no SDK tries it again.
func NotAvailable(operation string) error {
	return Invalid(operation + " is not available in this version of openivs")
}
