package config

import (
	"fmt"
	"net/netip"
)

// Viewing is how it is told where viewers come from.
type Viewing struct {
	GeoIP          string         // file; "": countries are not known
	TrustedProxies []netip.Prefix // whose word is taken for where a request comes from
}

func whoMayWatch() []Setting {
	return []Setting{
		{
			Name: "geoip", Default: []string{""}, Path: true,
			Help: "Database of countries in MaxMind's format (.mmdb), read again when it changes; unset, every country is unknown, which policies allow.",
			set:  text(func(c *Config) *string { return &c.Viewing.GeoIP }, optional(readable)),
		},
		{
			Name: "trusted-proxies", Repeats: true,
			Help: "Address or network (CIDR) of proxies that are believed when they say where a request comes from, by X-Forwarded-For or by the PROXY protocol, version 2.",
			set:  setTrustedProxies,
		},
	}
}

func setTrustedProxies(c *Config, values []string) (wrong, cure string) {
	c.Viewing.TrustedProxies = nil
	for _, v := range values {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(v); err == nil && a.Zone() == "" {
				a = a.Unmap()
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil || !p.IsValid() {
			return fmt.Sprintf("%q is neither an address nor a network", v), "give one such as 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32"
		}
		c.Viewing.TrustedProxies = append(c.Viewing.TrustedProxies, p.Masked())
	}
	return "", ""
}
