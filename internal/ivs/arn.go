package ivs

import (
	"crypto/rand"
	"regexp"
	"strings"
)

// A Kind is the sort of resource an ARN names.
type Kind string

// The kinds of resource this service has (Amazon IVS service authorization reference).
const (
	KindChannel                   Kind = "channel"
	KindStreamKey                 Kind = "stream-key"
	KindPlaybackKeyPair           Kind = "playback-key"
	KindRecordingConfiguration    Kind = "recording-configuration"
	KindPlaybackRestrictionPolicy Kind = "playback-restriction-policy"
	KindAdConfiguration           Kind = "ad-configuration"
)

// An ARN names a resource: arn:aws:ivs:REGION:ACCOUNT:KIND/ID. The zero ARN
// names nothing and prints as the empty string.
type ARN struct {
	Service string // "ivs"; older channel ARNs have "svs" and name nothing here
	Region  string
	Account string // 12 digits
	Kind    Kind
	ID      string // 12 characters of base62 when issued here
}

// maxARN is the longest ARN the API accepts, in bytes.
const maxARN = 128

var arnForm = regexp.MustCompile(`^arn:aws:([is]vs):([a-z0-9-]+):([0-9]+):([a-z-]+)/([a-zA-Z0-9-]+)$`)

// ParseARN accepts the one shape of ARN that the API describes.
func ParseARN(s string) (ARN, error) {
	if len(s) > maxARN {
		return ARN{}, Errorf(Invalid, "an ARN has at most %d characters, this one has %d", maxARN, len(s))
	}
	m := arnForm.FindStringSubmatch(s)
	if m == nil {
		return ARN{}, Errorf(Invalid, "%q is not an IVS ARN", s)
	}
	return ARN{Service: m[1], Region: m[2], Account: m[3], Kind: Kind(m[4]), ID: m[5]}, nil
}

// String returns the ARN as the API writes it.
func (a ARN) String() string {
	if a == (ARN{}) {
		return ""
	}
	return strings.Join([]string{"arn:aws", a.Service, a.Region, a.Account, string(a.Kind) + "/" + a.ID}, ":")
}

// MarshalText writes the ARN as String does.
func (a ARN) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *ARN) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = ARN{}
		return nil
	}
	v, err := ParseARN(string(b))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

const (
	base62     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	resourceID = 12 // characters of a resource's id
)

// RandomID returns n random characters of base62, evenly spread.
func RandomID(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails: crypto/rand ends the program instead
		for _, b := range buf {
			if b &= 63; int(b) < len(base62) && len(out) < n {
				out = append(out, base62[b])
			}
		}
	}
	return string(out)
}

// NewARN returns the ARN of a new resource.
func NewARN(region, account string, kind Kind) ARN {
	return ARN{Service: "ivs", Region: region, Account: account, Kind: kind, ID: RandomID(resourceID)}
}
