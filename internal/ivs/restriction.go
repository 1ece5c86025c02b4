package ivs

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A RestrictionPolicy says from where public channels may be watched
// (API: PlaybackRestrictionPolicy).
type RestrictionPolicy struct {
	ARN       ARN      `json:"arn"`
	Name      string   `json:"name"`
	Countries []string `json:"countries"` // ISO 3166-1 alpha-2; none: all
	Origins   []string `json:"origins"`   // as in an Origin header, with wildcards; none: all
	Strict    bool     `json:"strict"`    // every request needs an origin, not only a playlist's
	Tags      Tags     `json:"tags"`      // never nil in what the store returns
}

// Validate checks the lists.
func (p *RestrictionPolicy) Validate() error {
	if n := len(p.Countries); n > MaxCountries {
		return Errorf(Invalid, "allowedCountries has %d elements, at most %d are allowed", n, MaxCountries)
	}
	for i, c := range p.Countries {
		if !isCountry(c) {
			return Errorf(Invalid, "allowedCountries[%d]: %q is not a country code of ISO 3166-1 alpha-2", i, c)
		}
	}
	if n := len(p.Origins); n > MaxOrigins {
		return Errorf(Invalid, "allowedOrigins has %d elements, at most %d are allowed", n, MaxOrigins)
	}
	for i, o := range p.Origins {
		if !isOrigin(o) {
			return Errorf(Invalid, "allowedOrigins[%d]: %q is not an origin, such as https://example.com, https://*.example.com:8443 or *", i, o)
		}
	}
	return nil
}

// countries are the officially assigned codes of ISO 3166-1 alpha-2, 249 of them.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

func isCountry(code string) bool {
	return len(code) == 2 && !strings.Contains(code, " ") && strings.Contains(" "+countries+" ", " "+code+" ")
}

var (
	schemeForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)
	hostForm   = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*$`)
)

// isOrigin reports whether s is scheme://host[:port] (RFC 6454, 6.2), where *
// may stand for the first labels of the host, or * for any origin.
func isOrigin(s string) bool {
	if s == "*" {
		return true
	}
	if utf8.RuneCountInString(s) > MaxOriginLength {
		return false
	}
	scheme, host, ok := strings.Cut(s, "://")
	if !ok || !schemeForm.MatchString(scheme) {
		return false
	}
	if rest, found := strings.CutPrefix(host, "["); found {
		address, port, closed := strings.Cut(rest, "]")
		a, err := netip.ParseAddr(address)
		return closed && err == nil && a.Is6() && a.Zone() == "" && (port == "" || port[0] == ':' && isPort(port[1:]))
	}
	host, port, found := strings.Cut(host, ":")
	if found && !isPort(port) {
		return false
	}
	return hostForm.MatchString(strings.TrimPrefix(host, "*."))
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}
