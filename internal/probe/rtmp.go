package probe

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// The message types that are sent and looked at (Adobe RTMP 1.0, 5.4 and 7.1).
const (
	typeSetChunkSize = 1
	typeAudio        = 8
	typeVideo        = 9
	typeData         = 18
	typeCommand      = 20
)

// chunkSize is what we send in.
const chunkSize = 4096

// A status is what a server says of the stream.
type status struct{ level, code, description string }

// A publisher is a connection to an RTMP server.
type publisher struct {
	nc net.Conn
	r  *rawmessage.Reader
	w  *rawmessage.Writer

	results  chan float64 // transactions that were answered with a result
	statuses chan status
	over     chan error // holds one: why there is nothing more to read
}

// rtmp publishes over RTMP or RTMPS.
func (t Target) rtmp(ctx context.Context, say Say) (r Report, err error) {
	u, app, name, err := place(t.URL)
	if err != nil {
		return r, err
	}
	protocol := map[string]string{"rtmp": "RTMP", "rtmps": "RTMPS"}[u.Scheme]
	nc, err := t.dial(ctx, u.Scheme, u.Host, say)
	if err != nil {
		return r, explain(err, u.Host, protocol)
	}
	r.Local = nc.LocalAddr().String()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	p := &publisher{nc: nc, results: make(chan float64, 8), statuses: make(chan status, 8), over: make(chan error, 1)}
	began := time.Now()
	if err := p.shake(); err != nil {
		return r, errors.Join(explain(err, u.Host, protocol), nc.Close())
	}
	read := make(chan struct{})
	go func() { defer close(read); p.read() }()
	defer func() { nc.Close(); <-read }()
	if err := p.open(app, u.Scheme+"://"+u.Host+"/"+app, name); err != nil {
		return r, p.why(err, u.Host, protocol)
	}
	say("connected", "handshake and connect were answered in %v", time.Since(began).Round(time.Millisecond))
	r.Asked = time.Now()
	if err := p.publish(name); err != nil {
		return r, p.why(err, u.Host, protocol)
	}
	say("accepted", "publish was answered in %v", time.Since(r.Asked).Round(time.Millisecond))
	if err := p.play(say); err != nil {
		return r, p.why(err, u.Host, protocol)
	}
	return r, p.why(p.leave(name, say), u.Host, protocol)
}

// dial connects, inside TLS for rtmps.
func (t Target) dial(ctx context.Context, scheme, host string, say Say) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	began := time.Now()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	if scheme == "rtmp" {
		say("reached", "%s in %v", host, time.Since(began).Round(time.Millisecond))
		return nc, nil
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	secured := tls.Client(nc, &tls.Config{ServerName: name, RootCAs: t.Roots, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12}) //nolint:gosec // only if it was asked for
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	verified := "its certificate is trusted here"
	if t.Insecure {
		verified = "its certificate was not looked at"
	}
	say("reached", "%s in %v, %s, %s", host, time.Since(began).Round(time.Millisecond), tls.VersionName(secured.ConnectionState().Version), verified)
	return secured, nil
}

func (p *publisher) shake() error {
	if err := p.nc.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, _, err := handshake.DoClient(p.nc, false, false); err != nil {
		return err
	}
	p.r = rawmessage.NewReader(p.nc, bytecounter.NewReader(p.nc), nil)
	p.w = rawmessage.NewWriter(p.nc, bytecounter.NewWriter(p.nc), false)
	return p.nc.SetDeadline(time.Time{})
}

// read takes what the server says until the connection ends.
func (p *publisher) read() {
	for {
		m, err := p.r.Read()
		if err != nil {
			p.over <- err
			return
		}
		switch {
		case m.Type == typeSetChunkSize && len(m.Body) == 4:
			err = p.r.SetChunkSize(binary.BigEndian.Uint32(m.Body))
		case m.Type == typeCommand:
			p.command(m.Body)
		}
		if err != nil {
			p.over <- err
			return
		}
	}
}

// command sorts what is a result from what is a status. What nobody waits for is
// passed over.
func (p *publisher) command(body []byte) {
	d, err := amf0.Unmarshal(body)
	if err != nil || len(d) < 2 {
		return
	}
	name, _ := d[0].(string)
	id, _ := d[1].(float64)
	if name == "_result" {
		select {
		case p.results <- id:
		default:
		}
		return
	}
	for _, v := range d[2:] {
		o, ok := v.(amf0.Object)
		if !ok {
			continue
		}
		var s status
		s.level, _ = o.GetString("level")
		s.code, _ = o.GetString("code")
		s.description, _ = o.GetString("description")
		select {
		case p.statuses <- s:
		default:
		}
	}
}

func (p *publisher) send(chunks, typ byte, ts time.Duration, stream uint32, body []byte) error {
	if err := p.nc.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	return p.w.Write(&rawmessage.Message{ChunkStreamID: chunks, Timestamp: ts, Type: typ, MessageStreamID: stream, Body: body})
}

func (p *publisher) call(stream uint32, values ...any) error {
	body, err := amf0.Data(values).Marshal()
	if err != nil {
		return err
	}
	return p.send(3, typeCommand, 0, stream, body)
}

// open sends what comes before publish, and waits for the answers.
func (p *publisher) open(app, tcURL, name string) error {
	if err := p.send(2, typeSetChunkSize, 0, 0, binary.BigEndian.AppendUint32(nil, chunkSize)); err != nil {
		return err
	}
	p.w.SetChunkSize(chunkSize)
	connect := amf0.Object{
		{Key: "app", Value: app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; openivs probe)"},
		{Key: "tcUrl", Value: tcURL},
	}
	if err := p.call(0, "connect", float64(1), connect); err != nil {
		return err
	}
	if err := p.result(1); err != nil {
		return err
	}
	err := errors.Join(p.call(0, "releaseStream", float64(2), nil, name), p.call(0, "FCPublish", float64(3), nil, name), p.call(0, "createStream", float64(4), nil))
	if err != nil {
		return err
	}
	return p.result(4)
}

// result waits for the result of a transaction.
func (p *publisher) result(id float64) error {
	late := time.NewTimer(answerTime)
	defer late.Stop()
	for {
		select {
		case got := <-p.results:
			if got == id {
				return nil
			}
		case s := <-p.statuses:
			if s.level == "error" {
				return s.refusal()
			}
		case err := <-p.over:
			return err
		case <-late.C:
			return fmt.Errorf("the server does not answer within %v", answerTime)
		}
	}
}

// media is the message stream that servers give out first, in the order of the
// library's bytes.
const media = 1 << 24

func (p *publisher) publish(name string) error {
	if err := p.call(media, "publish", float64(5), nil, name, "live"); err != nil {
		return err
	}
	return p.await("NetStream.Publish.Start", answerTime)
}

// await waits for a status.
func (p *publisher) await(code string, atMost time.Duration) error {
	late := time.NewTimer(atMost)
	defer late.Stop()
	for {
		select {
		case s := <-p.statuses:
			if s.code == code {
				return nil
			}
			if s.level == "error" {
				return s.refusal()
			}
		case err := <-p.over:
			return err
		case <-late.C:
			return fmt.Errorf("the server does not say %s within %v", code, atMost)
		}
	}
}

func (s status) refusal() error {
	if s.description == "" {
		return &RefusedError{s.code}
	}
	return &RefusedError{s.description + " (" + s.code + ")"}
}

// play sends the test pattern at its own pace.
func (p *publisher) play(say Say) error {
	start, bytes, pictures, sounds := time.Now(), 0, 0, 0
	wait := time.NewTimer(0)
	defer wait.Stop()
	for t := range tags(clipFLV) {
		wait.Reset(time.Until(start.Add(t.at)))
		if err := p.until(wait.C); err != nil {
			return err
		}
		chunks := byte(4)
		switch t.typ {
		case typeVideo:
			chunks, pictures = 6, pictures+1
		case typeAudio:
			sounds++
		case typeData:
			t.body = append(setDataFrame(), t.body...)
		}
		if err := p.send(chunks, t.typ, t.at, media, t.body); err != nil {
			return err
		}
		bytes += len(t.body)
	}
	took := time.Since(start)
	say("sent", "%d messages of video and %d of audio in %v: H.264 of %dx%d, %d pictures a second, %d kbit/s with AAC of %d Hz", pictures, sounds,
		took.Round(time.Millisecond), Width, Height, Framerate, int(float64(bytes)*8/1000/took.Seconds()), SampleRate)
	return nil
}

// until waits, unless the server ends the stream.
func (p *publisher) until(due <-chan time.Time) error {
	for {
		select {
		case <-due:
			return nil
		case s := <-p.statuses:
			if s.level == "error" {
				return s.refusal()
			}
		case err := <-p.over:
			return err
		}
	}
}

// setDataFrame stands before onMetaData.
func setDataFrame() []byte { return append([]byte{2, 0, 13}, "@setDataFrame"...) }

// leave ends the stream as encoders do.
func (p *publisher) leave(name string, say Say) error {
	began := time.Now()
	if err := errors.Join(p.call(0, "FCUnpublish", float64(6), nil, name), p.call(0, "deleteStream", float64(7), nil, float64(1))); err != nil {
		return err
	}
	if err := p.await("NetStream.Unpublish.Success", answerTime); err != nil {
		if _, refused := errors.AsType[*RefusedError](err); refused {
			return err
		}
		return nil // servers need not answer it
	}
	say("left", "the end was answered in %v", time.Since(began).Round(time.Millisecond))
	return nil
}

// why is an error in words. What the server said before it closed the connection
// comes first.
func (p *publisher) why(err error, where, protocol string) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*RefusedError](err); refused {
		return err
	}
	select {
	case s := <-p.statuses:
		if s.level == "error" {
			return s.refusal()
		}
	default:
	}
	return explain(err, where, protocol)
}
