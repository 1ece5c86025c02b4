package ivs

import (
	"crypto/rand"
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

// ParseARN accepts the one shape of ARN that the API describes:
// arn:aws:[is]vs:[a-z0-9-]+:[0-9]+:[a-z-]+/[a-zA-Z0-9-]+
func ParseARN(s string) (ARN, error) {
	if len(s) > maxARN {
		return ARN{}, Errorf(Invalid, "an ARN has at most %d characters, this one has %d", maxARN, len(s))
	}
	rest, isARN := strings.CutPrefix(s, "arn:aws:")
	service, rest, _ := strings.Cut(rest, ":")
	region, rest, _ := strings.Cut(rest, ":")
	account, rest, _ := strings.Cut(rest, ":")
	kind, id, _ := strings.Cut(rest, "/")
	if !isARN || service != "ivs" && service != "svs" ||
		!made(region, lower|digits|hyphen) || !made(account, digits) || !made(kind, lower|hyphen) || !made(id, lower|upper|digits|hyphen) {
		return ARN{}, Errorf(Invalid, "%q is not an IVS ARN", s)
	}
	return ARN{Service: service, Region: region, Account: account, Kind: Kind(kind), ID: id}, nil
}

// What a part of an ARN may be made of.
const (
	lower = 1 << iota
	upper
	digits
	hyphen
)

// made reports whether s has only characters of some sorts, and one at least.
func made(s string, of int) bool {
	for i := range len(s) {
		sort := 0
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
			sort = lower
		case 'A' <= c && c <= 'Z':
			sort = upper
		case '0' <= c && c <= '9':
			sort = digits
		case c == '-':
			sort = hyphen
		}
		if sort&of == 0 {
			return false
		}
	}
	return s != ""
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
