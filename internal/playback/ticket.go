package playback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
	"time"

	"openivs/internal/ivs"
)

// A ticket is what lets one viewer session fetch the media playlists of a
// channel. It is signed and not stored: a byte that says its form, when it was
// issued, the viewer's id, rights if there are any, the channel, and a MAC over
// all of that, in base64url.
const (
	plainForm   = 1 // without rights
	rightsForm  = 2 // with their length, in 2 bytes, and rights
	rightsSize  = 2 // bytes of that length
	issuedAt    = 1 // 8 bytes, big endian: seconds since 1970
	viewerAt    = 9 // viewerSize bytes
	channelAt   = viewerAt + viewerSize
	viewerSize  = 16
	macSize     = 16 // bytes of HMAC-SHA-256 that are kept
	maxChannel  = 128
	maxTicket   = channelAt + rightsSize + maxRights + maxChannel + macSize
	maxTicketed = (maxTicket*4 + 2) / 3 // characters
)

// A viewerID tells viewer sessions apart. It is random.
type viewerID [viewerSize]byte

func newViewerID() (v viewerID) {
	_, _ = rand.Read(v[:]) // never fails: crypto/rand ends the program instead
	return v
}

// String is the id as playlists write it.
func (v viewerID) String() string { return hex.EncodeToString(v[:]) }

// A ticketOffice issues tickets and reads them back.
type ticketOffice struct {
	key  []byte
	pens sync.Pool // of *pen
}

// A pen has what one reading or writing of a ticket needs.
type pen struct {
	mac  hash.Hash
	text [maxTicketed]byte
	raw  [maxTicket]byte
	sum  [sha256.Size]byte
}

func (o *ticketOffice) pen() *pen {
	if p, ok := o.pens.Get().(*pen); ok {
		return p
	}
	return &pen{mac: hmac.New(sha256.New, o.key)}
}

// sign returns the MAC of b, good until the next.
func (p *pen) sign(b []byte) []byte {
	p.mac.Reset()
	_, _ = p.mac.Write(b) // a hash takes everything
	return p.mac.Sum(p.sum[:0])[:macSize]
}

// issue returns a ticket of a viewer for a channel.
func (o *ticketOffice) issue(channel ivs.ARN, v viewerID, r rights, now time.Time) string {
	p := o.pen()
	defer o.pens.Put(p)
	form := byte(plainForm)
	if r.some() {
		form = rightsForm
	}
	b := append(p.raw[:0], form)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Unix())) //nolint:gosec // the clock is past 1970
	b = append(b, v[:]...)
	if form == rightsForm {
		said := r.append(nil)
		b = binary.BigEndian.AppendUint16(b, uint16(len(said))) //nolint:gosec // it is at most maxRights
		b = append(b, said...)
	}
	b = append(b, channel.Region+"."+channel.Account+"."+channel.ID...)
	b = append(b, p.sign(b)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// read returns what a ticket of this office says, good until the pen is used
// again, and false if it is none.
func (o *ticketOffice) read(p *pen, text string) (ticket, bool) {
	if len(text) > maxTicketed {
		return nil, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(p.raw[:], p.text[:copy(p.text[:], text)])
	if err != nil || n <= channelAt+macSize || base64.RawURLEncoding.EncodedLen(n) != len(text) {
		return nil, false
	}
	said, mac := p.raw[:n-macSize], p.raw[n-macSize:n]
	if subtle.ConstantTimeCompare(mac, p.sign(said)) != 1 || said[0] != plainForm && said[0] != rightsForm {
		return nil, false
	}
	return said, true
}

// A ticket is what is signed of one.
type ticket []byte

func (t ticket) viewer() viewerID { return viewerID(t[viewerAt:channelAt]) }

func (t ticket) issued() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(t[issuedAt:viewerAt])), 0) //nolint:gosec // it was signed by us
}

// parts returns the rights, as they are written, and the channel.
func (t ticket) parts() (rights, channel []byte) {
	rest := t[channelAt:]
	if t[0] == plainForm {
		return nil, rest
	}
	n := binary.BigEndian.Uint16(rest) // which was signed by us
	rest = rest[rightsSize:]
	return rest[:n], rest[n:]
}

func (t ticket) rights() rights {
	said, _ := t.parts()
	return readRights(said)
}

func (t ticket) channel() ivs.ARN {
	_, said := t.parts()
	region, rest, _ := strings.Cut(string(said), ".")
	account, id, _ := strings.Cut(rest, ".")
	return ivs.ARN{Service: "ivs", Region: region, Account: account, Kind: ivs.KindChannel, ID: id}
}
