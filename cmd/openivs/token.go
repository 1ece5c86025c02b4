package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"openivs/internal/token"
)

type tokenCommand struct {
	Key           string        `required:"" placeholder:"FILE" help:"Private key in PEM, on the curve P-384 (secp384r1)."`
	Channel       string        `required:"" placeholder:"ARN" help:"Channel that may be watched."`
	Expires       time.Duration `default:"10m" placeholder:"TIME" help:"How long playback may begin with it (default: ${default})."`
	Origin        []string      `placeholder:"ORIGIN" help:"From where it may be watched, such as https://*.example.com; may be repeated."`
	Strict        bool          `help:"Every request needs the origin, not only the first."`
	SingleUse     bool          `help:"It begins playback once."`
	ViewerID      string        `placeholder:"ID" help:"Whose it is: the viewer can then be shut out."`
	ViewerVersion int64         `placeholder:"N" help:"Version of the viewer's session."`
	MaxResolution string        `placeholder:"SIZE" help:"Largest picture: SD, HD or FULL_HD."`
}

// Help is for "openivs token --help".
func (tokenCommand) Help() string {
	return `Signs a token and prints it. It goes behind the playback URL of a private channel, as ?token=TOKEN. The server needs the public half of the key:

  openssl ecparam -name secp384r1 -genkey -noout -out private.pem
  openssl ec -in private.pem -pubout -out public.pem
  aws ivs import-playback-key-pair --public-key-material "$(cat public.pem)"
  openivs token --key private.pem --channel arn:aws:ivs:us-east-1:000000000000:channel/abcdefghijkl

Tokens for one use, and those with a viewer's id, may be good for ten minutes at most.`
}

// maxKeyFile is more than any private key in PEM has, in bytes.
const maxKeyFile = 64 << 10

// Run signs a token.
func (c *tokenCommand) Run(p *program) error {
	claims, err := c.claims(time.Now())
	if err != nil {
		return err
	}
	info, err := os.Stat(c.Key)
	if err != nil {
		return err
	}
	if info.Size() > maxKeyFile {
		return fmt.Errorf("%s is no private key: it has %d bytes", c.Key, info.Size())
	}
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	key, err := token.ParsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.Key, err)
	}
	signed, err := token.Sign(key, claims)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, signed)
	return err
}

func (c *tokenCommand) claims(now time.Time) (map[string]any, error) {
	const shortLife = 10 * time.Minute
	claims := map[string]any{"aws:channel-arn": c.Channel, "exp": now.Add(c.Expires).Unix()}
	if c.Expires > shortLife && (c.SingleUse || c.ViewerID != "") {
		return nil, errors.New("a token for one use, or with a viewer's id, is good for 10m at most: give a shorter --expires")
	}
	if len(c.Origin) > 0 {
		claims["aws:access-control-allow-origin"] = strings.Join(c.Origin, ",")
	}
	if c.Strict {
		claims["aws:strict-origin-enforcement"] = true
	}
	if c.SingleUse {
		claims["aws:single-use-uuid"] = uuid.NewString()
	}
	if c.ViewerID != "" {
		claims["aws:viewer-id"] = c.ViewerID
		claims["aws:viewer-session-version"] = c.ViewerVersion
	}
	if c.MaxResolution != "" {
		claims["aws:maximum-resolution"] = c.MaxResolution
	}
	return claims, nil
}
