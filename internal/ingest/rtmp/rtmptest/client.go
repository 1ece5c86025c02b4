package rtmptest

import (
	"fmt"
	"io"
	"net"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// A Client is the encoder's end of a connection.
type Client struct {
	Conn net.Conn
	Writer

	r *rawmessage.Reader
}

// Handshake does the simple handshake, in one piece each way.
func (c *Client) Handshake() error {
	hello := make([]byte, 1+1536)
	hello[0] = 3
	for i := range hello[9:] {
		hello[9+i] = byte(i * 7)
	}
	if _, err := c.Conn.Write(hello); err != nil {
		return err
	}
	answer := make([]byte, 1+1536+1536)
	if _, err := io.ReadFull(c.Conn, answer); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if answer[0] != 3 || string(answer[1+1536+8:]) != string(hello[9:]) {
		return fmt.Errorf("handshake: the answer has version %d or another echo", answer[0])
	}
	_, err := c.Conn.Write(answer[1 : 1+1536])
	return err
}

// Send writes messages, each beginning with a whole header.
func (c *Client) Send(messages ...Message) error {
	var b []byte
	for _, m := range messages {
		b = c.Append(b, 0, m)
	}
	_, err := c.Conn.Write(b)
	return err
}

// Call makes a command message.
func Call(stream uint32, name string, id float64, args ...any) Message {
	return Message{Chunks: 3, Type: Command, Stream: stream, Body: AMF(append([]any{name, id}, args...)...)}
}

// AMF encodes values of gortmplib's amf0 package.
func AMF(values ...any) []byte {
	b, err := amf0.Data(values).Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// Read returns the next message of the server, with its chunk size applied.
func (c *Client) Read() (*rawmessage.Message, error) {
	if c.r == nil {
		c.r = rawmessage.NewReader(c.Conn, bytecounter.NewReader(c.Conn), nil)
	}
	m, err := c.r.Read()
	if err != nil {
		return nil, err
	}
	if m.Type == SetChunkSize && len(m.Body) == 4 {
		b := m.Body
		err = c.r.SetChunkSize(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	}
	return m, err
}

// A Reply is a command message of the server.
type Reply struct {
	Name   string
	ID     float64
	Stream uint32
	Args   []any

	Level, Code, Description string // of the first object that has them
}

// Reply reads until the next command message.
func (c *Client) Reply() (Reply, error) {
	for {
		m, err := c.Read()
		if err != nil {
			return Reply{}, err
		}
		if m.Type != Command {
			continue
		}
		data, err := amf0.Unmarshal(m.Body)
		if err != nil || len(data) < 2 {
			return Reply{}, fmt.Errorf("reply %x: %w", m.Body, err)
		}
		r := Reply{Stream: m.MessageStreamID >> 24, Args: data[2:]}
		r.Name, _ = data[0].(string)
		r.ID, _ = data[1].(float64)
		for _, v := range r.Args {
			if o, ok := v.(amf0.Object); ok && r.Code == "" {
				r.Level, _ = o.GetString("level")
				r.Code, _ = o.GetString("code")
				r.Description, _ = o.GetString("description")
			}
		}
		return r, nil
	}
}

// Expect reads until a reply of a name.
func (c *Client) Expect(name string) (Reply, error) {
	for {
		r, err := c.Reply()
		if err != nil {
			return r, fmt.Errorf("waiting for %s: %w", name, err)
		}
		if r.Name == name {
			return r, nil
		}
	}
}

// Publish does the handshake and the commands up to publish as ffmpeg does, and
// returns the server's answer to publish.
func (c *Client) Publish(app, key string) (Reply, error) {
	if err := c.Handshake(); err != nil {
		return Reply{}, err
	}
	if err := c.Send(Call(0, "connect", 1, amf0.Object{
		{Key: "app", Value: app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; Lavf59.27.100)"},
		{Key: "tcUrl", Value: "rtmp://127.0.0.1/" + app},
	})); err != nil {
		return Reply{}, err
	}
	if r, err := c.Expect("_result"); err != nil || r.Code != "NetConnection.Connect.Success" {
		return r, fmt.Errorf("connect: %q, %w", r.Code, err)
	}
	if err := c.Send(
		Call(0, "releaseStream", 2, nil, key),
		Call(0, "FCPublish", 3, nil, key),
		Call(0, "createStream", 4, nil),
	); err != nil {
		return Reply{}, err
	}
	for {
		r, err := c.Expect("_result")
		if err != nil {
			return r, err
		}
		if r.ID == 4 {
			break
		}
	}
	if err := c.Send(Call(1, "publish", 5, nil, key, "live")); err != nil {
		return Reply{}, err
	}
	return c.Expect("onStatus")
}
