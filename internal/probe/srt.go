package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	gosrt "github.com/datarhei/gosrt"
)

// maxStreamID is how long a stream id can be (SRT, 3.2.1.3).
const maxStreamID = 512

// srt publishes over SRT.
func (t Target) srt(ctx context.Context, say Say) (r Report, err error) {
	host, c, err := srtPlace(t.URL)
	if err != nil {
		return r, err
	}
	r.Asked = time.Now()
	nc, err := gosrt.Dial("srt", host, c)
	if err != nil {
		return r, srtRefusal(err, host)
	}
	defer nc.Close() //nolint:errcheck // it never fails
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	r.Local = nc.LocalAddr().String()
	var s gosrt.Statistics
	nc.Stats(&s)
	say("accepted", "%s in %v, packets are held back for %d ms", host, time.Since(r.Asked).Round(time.Millisecond), s.Instantaneous.MsSendTsbPdDelay)
	if err := srtPlay(nc, say); err != nil {
		return r, err
	}
	nc.Stats(&s)
	say("network", "round trip %v, %d of %d packets were sent again", time.Duration(s.Instantaneous.MsRTT*float64(time.Millisecond)).Round(time.Microsecond),
		s.Accumulated.PktRetrans, s.Accumulated.PktSent)
	return r, nil
}

// srtPlay sends the test pattern at its own pace, and waits until the last of it must
// have arrived.
func srtPlay(nc gosrt.Conn, say Say) error {
	start, bytes := time.Now(), 0
	wait := time.NewTimer(0)
	defer wait.Stop()
	for due, b := range datagrams(clipTS) {
		wait.Reset(time.Until(start.Add(due)))
		<-wait.C
		if _, err := nc.Write(b); err != nil {
			return &RefusedError{"it ended the stream, and SRT cannot say why: openivs session trace tells"}
		}
		bytes += len(b)
	}
	took := time.Since(start)
	var s gosrt.Statistics
	nc.Stats(&s)
	wait.Reset(time.Duration(s.Instantaneous.MsSendTsbPdDelay)*time.Millisecond + 200*time.Millisecond) //nolint:gosec // some milliseconds
	<-wait.C
	say("sent", "%v of a transport stream: H.264 of %dx%d, %d pictures a second, %d kbit/s with AAC of %d Hz", took.Round(time.Millisecond),
		Width, Height, Framerate, int(float64(bytes)*8/1000/took.Seconds()), SampleRate)
	return nil
}

// srtPlace reads an SRT address as encoders have it. A `#` in it need not be escaped.
func srtPlace(address string) (host string, c gosrt.Config, err error) {
	c = gosrt.DefaultConfig()
	rest := strings.TrimPrefix(address, "srt://")
	host, query, _ := strings.Cut(rest, "?")
	host = strings.TrimSuffix(host, "/")
	if _, _, err := net.SplitHostPort(host); err != nil {
		return "", c, errors.New("the address has no port: it must look like srt://HOST:9000?streamid=STREAM_KEY&passphrase=PASSPHRASE")
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		switch name {
		case "streamid":
			c.StreamId = value
		case "passphrase":
			c.Passphrase = value
		}
	}
	if n := len(c.Passphrase); n > 0 && (n < 10 || n > 79) {
		return "", c, fmt.Errorf("the passphrase has %d characters: SRT takes 10 to 79", n)
	}
	if len(c.StreamId) > maxStreamID {
		return "", c, fmt.Errorf("the stream id has %d characters: SRT takes %d", len(c.StreamId), maxStreamID)
	}
	return host, c, nil
}

// rejected is how the library writes the number of a refusal: in base 32.
var rejected = regexp.MustCompile(`\(([0-9a-v]{2,4})\)`)

// srtRefusal puts into words why there is no connection.
func srtRefusal(err error, where string) error {
	if m := rejected.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.ParseUint(m[1], 32, 32) // the form lets nothing else through
		return &RefusedError{srtReason(gosrt.RejectionReason(n))}
	}
	if strings.Contains(err.Error(), "timeout") {
		return fmt.Errorf("%s does not answer over UDP: see whether address and port are right, and whether a firewall is in between", where)
	}
	return explain(err, where, "SRT")
}

// srtReason is what a number says (SRT Access Control Guidelines).
func srtReason(n gosrt.RejectionReason) string {
	var why string
	switch n {
	case gosrt.REJ_BADSECRET:
		why = "the passphrase is wrong: copy it again from the channel"
	case gosrt.REJ_UNSECURE:
		why = "a passphrase is needed, or one was given where the channel, with insecureIngest, takes none"
	case gosrt.REJX_BAD_REQUEST:
		why = "there is no stream key in the stream id, or it cannot be read"
	case gosrt.REJX_UNAUTHORIZED:
		why = "no channel has this stream key: copy it again from the channel"
	case gosrt.REJX_OVERLOAD:
		why = "as many streams are live as are allowed"
	case gosrt.REJX_CONFLICT:
		why = "another encoder publishes to the channel: stop it first"
	case gosrt.REJX_DOWN:
		why = "the server stops, or its database is away: try again"
	case gosrt.REJX_ISE:
		why = "an error of the server: see its log"
	default:
		why = "for a reason that is not known here"
	}
	return fmt.Sprintf("%s (SRT %d)", why, n)
}
