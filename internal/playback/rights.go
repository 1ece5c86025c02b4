package playback

import (
	"encoding/binary"
	"strings"
)

// rights are what a viewer session was let in with. The zero rights are those
// of everybody.
type rights struct {
	private bool     // a token was good
	policed bool     // a restriction policy let it in
	strict  bool     // every request needs one of the origins
	origins []string // of strict; none: any
	most    int      // the shorter edge of the largest picture, in pixels; 0: any
	viewer  string   // of the token; "": cannot be revoked
	version int64    // of the viewer's session
}

const (
	maxViewerName = 160  // bytes of 40 characters
	maxOrigins    = 1536 // bytes; a token has not even room for so many, a policy's five have 1,284
	maxRights     = 1 + 2 + 8 + 1 + maxViewerName + maxOrigins
)

// Bits of the first byte of rights.
const (
	privateBit = 1 << iota
	policedBit
	strictBit
)

func (r *rights) some() bool { return r.private || r.policed }

// append writes rights: bits, most, version, the viewer with its length, and the
// origins of strict with commas.
func (r *rights) append(b []byte) []byte {
	var bits byte
	for bit, set := range map[byte]bool{privateBit: r.private, policedBit: r.policed, strictBit: r.strict} {
		if set {
			bits |= bit
		}
	}
	b = append(b, bits)
	b = binary.BigEndian.AppendUint16(b, uint16(r.most))    //nolint:gosec // one of three
	b = binary.BigEndian.AppendUint64(b, uint64(r.version)) //nolint:gosec // it is not negative
	b = append(b, byte(len(r.viewer)))
	b = append(b, r.viewer...)
	return append(b, strings.Join(r.origins, ",")...)
}

// readRights reads what append wrote.
func readRights(b []byte) (r rights) {
	if len(b) == 0 {
		return r
	}
	r.private, r.policed, r.strict = b[0]&privateBit != 0, b[0]&policedBit != 0, b[0]&strictBit != 0
	r.most = int(binary.BigEndian.Uint16(b[1:]))
	r.version = int64(binary.BigEndian.Uint64(b[3:])) //nolint:gosec // as written
	n := 12 + int(b[11])
	r.viewer = string(b[12:n])
	if n < len(b) {
		r.origins = strings.Split(string(b[n:]), ",")
	}
	return r
}

// fit reports whether rights can be written on a ticket.
func (r *rights) fit() bool {
	return len(r.viewer) <= maxViewerName && len(strings.Join(r.origins, ",")) <= maxOrigins
}
