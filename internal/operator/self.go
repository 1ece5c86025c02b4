package operator

import (
	"context"
	"net/http"
	"time"

	"openivs/internal/ivs"
)

// Self is the server, as it tells of itself.
type Self interface {
	// About returns what the server is and how much it has to do.
	About(ctx context.Context) (About, error)

	// Findings returns what its doctor finds.
	Findings(ctx context.Context) ([]Finding, error)

	// AccessKeys lists who may ask, without secrets.
	AccessKeys(ctx context.Context) ([]AccessKey, error)

	// Policies returns what an access key may do.
	Policies(ctx context.Context, accessKey string) ([]string, error)
}

// About is what a server is and how much it has to do.
type About struct {
	Version  string    `json:"version"`
	Region   string    `json:"region"`
	Account  string    `json:"account"`
	Started  time.Time `json:"started"`
	Now      time.Time `json:"now"`
	Database string    `json:"database"`

	Endpoints map[string]string `json:"endpoints"`
	Streams   Used              `json:"streams"`
	Viewers   Used              `json:"viewers"`
	Disk      *Disk             `json:"disk,omitempty"`
	Quotas    map[string]int    `json:"quotas"`
}

// Used is how many there are of something, and how many there may be.
type Used struct {
	Now  int `json:"now"`
	Most int `json:"most"` // 0: no limit is set
}

// Disk is the room where the data directory is, in bytes.
type Disk struct {
	Path  string `json:"path"`
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
}

// A Finding is what one check of the doctor found.
type Finding struct {
	Grade string `json:"grade"` // ok, warn or fail
	What  string `json:"what"`
	Found string `json:"found"`
	Cure  string `json:"cure,omitempty"`
}

// An AccessKey is one, without its secret.
type AccessKey struct {
	ID       string     `json:"accessKeyId"`
	Name     string     `json:"name"`
	State    string     `json:"state"` // enabled, temporary, disabled or expired
	Policies []string   `json:"policies"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
}

func (h *Handler) getServer(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	return h.Self.About(x.r.Context())
}

func (h *Handler) getDoctor(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	found, err := h.Self.Findings(x.r.Context())
	if err != nil {
		return nil, err
	}
	return map[string]any{"findings": found}, nil
}

func (h *Handler) listAccessKeys(x *exchange) (any, error) {
	if err := h.may(x, everything); err != nil {
		return nil, err
	}
	keys, err := h.Self.AccessKeys(x.r.Context())
	if err != nil {
		return nil, err
	}
	return map[string]any{"accessKeys": keys}, nil
}

// getCaller says who asks. Everybody may know that of themselves.
func (h *Handler) getCaller(x *exchange) (any, error) {
	policies, err := h.Self.Policies(x.r.Context(), x.caller.AccessKey)
	if err != nil {
		return nil, err
	}
	return map[string]any{"accessKeyId": x.caller.AccessKey, "arn": x.caller.ARN, "name": x.caller.Name, "policies": policies}, nil
}

// maxChecks is how many rights are looked at for one request.
const maxChecks = 100

// A check is a question whether the caller may do something.
type check struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
}

// A verdict is the answer to a check.
type verdict struct {
	check

	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason,omitempty"`
}

// checkPermissions says what the caller may do, and of what it may not, why.
// Everybody may know that of themselves.
func (h *Handler) checkPermissions(x *exchange) (any, error) {
	var in struct {
		Checks []check `json:"checks"`
	}
	if err := x.input(&in); err != nil {
		return nil, err
	}
	if len(in.Checks) == 0 || len(in.Checks) > maxChecks {
		return nil, ivs.Errorf(ivs.Invalid, "there are %d checks, want 1 to %d", len(in.Checks), maxChecks)
	}
	out := make([]verdict, len(in.Checks))
	for i, c := range in.Checks {
		out[i] = verdict{check: c, Allowed: true}
		err := h.Authorize(x.r.Context(), x.caller, c.Action, c.Resource)
		if err != nil && ivs.CodeOf(err) != ivs.Denied {
			return nil, err
		}
		if err != nil {
			out[i].Allowed, out[i].Reason = false, err.Error()
		}
	}
	return map[string]any{"results": out}, nil
}

// selfRoutes are the operations about the server and who asks it.
func selfRoutes() []route {
	return []route{
		{http.MethodGet, "server", "GetServer", (*Handler).getServer},
		{http.MethodGet, "doctor", "GetDoctor", (*Handler).getDoctor},
		{http.MethodGet, "access-keys", "ListAccessKeys", (*Handler).listAccessKeys},
		{http.MethodGet, "caller", "GetCaller", (*Handler).getCaller},
		{http.MethodPost, "permissions", "CheckPermissions", (*Handler).checkPermissions},
		{http.MethodPost, "sign-in-links", "CreateSignInLink", (*Handler).createLink},
		{http.MethodPost, "sign-in-links/use", useLink, (*Handler).useLink},
	}
}

// useLink is the one operation whose requests nobody has signed.
const useLink = "UseSignInLink"
