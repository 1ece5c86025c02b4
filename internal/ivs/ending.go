package ivs

// A LimitError ends a stream that goes beyond a limit. Its end is told together
// with the event about the limit.
type LimitError struct {
	Limit    string // name of the event, such as Ingest Bitrate
	Allowed  int64
	Exceeded int64 // by how much what was seen is above that
	Unit     string
	Err      error // what the streamer is told: what to change
}

// Error returns what the streamer is told.
func (e *LimitError) Error() string { return e.Err.Error() }

// Unwrap returns what the streamer is told, which has a code.
func (e *LimitError) Unwrap() error { return e.Err }

// CapacityExceeded is the reason of a Stream Failure, in Amazon's words.
const CapacityExceeded = "Transcode capacity exceeded. Please try again."

// A FailureError ends a stream that the server cannot process. Its end is told
// together with the event Stream Failure.
type FailureError struct {
	Reason string // of the event
	Err    error  // what the streamer is told
}

// Error returns what the streamer is told.
func (e *FailureError) Error() string { return e.Err.Error() }

// Unwrap returns what the streamer is told, which has a code.
func (e *FailureError) Unwrap() error { return e.Err }

// An EndError ends a stream for a reason that its Session Ended has a code for.
type EndError struct {
	Code string
	Err  error // what the streamer is told
}

// Error returns what the streamer is told.
func (e *EndError) Error() string { return e.Err.Error() }

// Unwrap returns what the streamer is told, which has a code of ours.
func (e *EndError) Unwrap() error { return e.Err }
