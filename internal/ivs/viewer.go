package ivs

// A Revocation ends the sessions of a viewer on a channel, and bars the tokens,
// whose version is not above Version.
type Revocation struct {
	Channel ARN
	Viewer  string // aws:viewer-id of the tokens
	Version int64  // aws:viewer-session-version
}
