package operator

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"openivs/internal/catalogue"
	"openivs/internal/ivs"
)

// Recordings is where recordings are found.
type Recordings interface {
	// List returns at most limit recordings that began before one, the newest
	// first: of a channel, or of all if channel is "". before 0: from the newest.
	List(ctx context.Context, channel string, before int64, limit int) (ivs.Page[catalogue.Recording], error)

	// Get returns a recording, or ivs.NotFound.
	Get(ctx context.Context, id int64) (catalogue.Recording, error)
}

// Vault is where what was recorded is read.
type Vault interface {
	// PlaybackURL returns a URL that plays a recording until a time.
	PlaybackURL(bucket, prefix string, until time.Time) (string, error)

	// Verify compares a recording with its manifest.
	Verify(ctx context.Context, bucket, prefix string) (Verification, error)
}

// A Verification is what a comparison found. A recording is whole if there are no
// problems.
type Verification struct {
	Renditions   int      `json:"renditions"`
	Segments     int      `json:"segments"`
	Bytes        int64    `json:"bytes"`
	Milliseconds int64    `json:"milliseconds"`
	Problems     []string `json:"problems"`
}

const (
	maxRecordings = 100 // of a page
	maxVerifying  = 2   // recordings that are compared at a time
	verifyTime    = time.Hour
	leastURL      = time.Minute
	usualURL      = time.Hour
	mostURL       = 7 * 24 * time.Hour
)

// A recordingItem is a recording of an answer.
type recordingItem struct {
	ID           string          `json:"id"`
	Channel      string          `json:"channel"`
	ChannelName  string          `json:"channelName"`
	StreamIDs    []string        `json:"streamIds"`
	Bucket       string          `json:"bucket"`
	Prefix       string          `json:"prefix"`
	State        catalogue.State `json:"state"`
	Reason       string          `json:"reason,omitempty"`
	Started      time.Time       `json:"started"`
	Ended        *time.Time      `json:"ended,omitempty"`
	Milliseconds int64           `json:"milliseconds"`
}

func itemOf(r catalogue.Recording) recordingItem {
	return recordingItem{
		ID: strconv.FormatInt(r.ID, 10), Channel: r.Channel.String(), ChannelName: r.ChannelName, StreamIDs: r.StreamIDs,
		Bucket: r.Bucket, Prefix: r.Prefix, State: r.State, Reason: r.Reason,
		Started: r.Started, Ended: moment(r.Ended), Milliseconds: r.Length.Milliseconds(),
	}
}

// listRecordings answers a page of recordings.
func (h *Handler) listRecordings(x *exchange) (any, error) {
	arn := ivs.ARN{Service: "ivs", Region: h.Region, Account: h.Account, Kind: ivs.KindChannel, ID: "*"}
	channel := ""
	if name := x.r.URL.Query().Get("channel"); name != "" {
		var err error
		if arn, err = h.channel(name); err != nil {
			return nil, err
		}
		channel = arn.String()
	}
	if err := h.may(x, arn.String()); err != nil {
		return nil, err
	}
	before, err := x.number("before", 0, 0, 1<<62)
	if err != nil {
		return nil, err
	}
	limit, err := x.number("maxResults", maxRecordings, 1, maxRecordings)
	if err != nil {
		return nil, err
	}
	page, err := h.Recordings.List(x.r.Context(), channel, before, int(limit))
	if err != nil {
		return nil, err
	}
	out := struct {
		Recordings []recordingItem `json:"recordings"`
		Next       string          `json:"next,omitempty"`
	}{Recordings: []recordingItem{}}
	for _, r := range page.Items {
		out.Recordings = append(out.Recordings, itemOf(r))
	}
	if page.Next != 0 {
		out.Next = strconv.FormatInt(page.Next, 10)
	}
	return out, nil
}

// recording returns the recording that a request is about, if the caller may do
// this with those of its channel.
func (h *Handler) recording(x *exchange) (catalogue.Recording, error) {
	name := x.r.PathValue("recording")
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return catalogue.Recording{}, ivs.Errorf(ivs.Invalid, "%q is not the id of a recording", clip(name))
	}
	r, err := h.Recordings.Get(x.r.Context(), id)
	if err != nil {
		return r, err
	}
	return r, h.may(x, r.Channel.String())
}

// stored is recording, if there is something of it.
func (h *Handler) stored(x *exchange) (catalogue.Recording, error) {
	r, err := h.recording(x)
	if err == nil && r.Prefix == "" {
		err = ivs.Errorf(ivs.Conflict, "nothing was recorded: %s", r.Reason)
	}
	return r, err
}

func (h *Handler) getRecording(x *exchange) (any, error) {
	r, err := h.recording(x)
	return itemOf(r), err
}

// createRecordingURL signs a URL that plays a recording for a while.
func (h *Handler) createRecordingURL(x *exchange) (any, error) {
	r, err := h.stored(x)
	if err != nil {
		return nil, err
	}
	var in struct {
		For string `json:"for"`
	}
	if err := x.input(&in); err != nil {
		return nil, err
	}
	d := usualURL
	if in.For != "" {
		if d, err = time.ParseDuration(in.For); err != nil || d < leastURL || d > mostURL {
			return nil, ivs.Errorf(ivs.Invalid, "for is %q, want a length of time from %v to %v", clip(in.For), leastURL, mostURL)
		}
	}
	until := time.Now().Add(d).Truncate(time.Second)
	address, err := h.Vault.PlaybackURL(r.Bucket, r.Prefix, until)
	if err != nil {
		return nil, err
	}
	return map[string]any{"url": address, "expires": until.UTC()}, nil
}

// verifyRecording reads all of a recording and compares it with its manifest.
func (h *Handler) verifyRecording(x *exchange) (any, error) {
	r, err := h.stored(x)
	if err != nil {
		return nil, err
	}
	if r.State == catalogue.Running {
		return nil, ivs.Errorf(ivs.Conflict, "the recording is not over yet: try again then")
	}
	if !h.verifying.take(maxVerifying) {
		return nil, ivs.Errorf(ivs.Unavailable, "%d recordings are being verified, and no more are at a time: try again in a while", maxVerifying)
	}
	defer h.verifying.give()
	ctx, cancel := context.WithTimeout(x.r.Context(), verifyTime)
	defer cancel()
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(verifyTime)) // a writer without deadlines is a test's
	v, err := h.Vault.Verify(ctx, r.Bucket, r.Prefix)
	if err != nil {
		return nil, err
	}
	if v.Problems == nil {
		v.Problems = []string{}
	}
	return v, nil
}

// recordingRoutes are the operations about recordings.
func recordingRoutes() []route {
	return []route{
		{http.MethodGet, "recordings", "ListRecordings", (*Handler).listRecordings},
		{http.MethodGet, "recordings/{recording}", "GetRecording", (*Handler).getRecording},
		{http.MethodPost, "recordings/{recording}/url", "CreateRecordingURL", (*Handler).createRecordingURL},
		{http.MethodPost, "recordings/{recording}/verify", "VerifyRecording", (*Handler).verifyRecording},
	}
}
