package app

import (
	"net/netip"
	"testing"

	"openivs/internal/config"
)

func TestEndpointsNameTheListenerThatClientsLookFor(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   config.Config
		bound []string
		want  Endpoints
	}{
		{
			"one port for all",
			config.Config{PublicHost: "127.0.0.1"},
			[]string{"0.0.0.0:4500"},
			Endpoints{
				API: "https://127.0.0.1:4500", RTMP: "rtmp://127.0.0.1:4500/app", RTMPS: "rtmps://127.0.0.1:4500/app",
				Playback: "http://127.0.0.1:4500", Watch: "http://127.0.0.1:4500/watch/", Console: "http://127.0.0.1:4500/console/",
			},
		},
		{
			"the ports of IVS",
			config.Config{PublicHost: "live.example.com", TLSCert: "x"},
			[]string{"[::]:1935", "[::]:443"},
			Endpoints{
				API: "https://live.example.com", RTMP: "rtmp://live.example.com:1935/app", RTMPS: "rtmps://live.example.com:443/app",
				Playback: "https://live.example.com", Watch: "https://live.example.com/watch/", Console: "https://live.example.com/console/",
			},
		},
		{
			"the ports of IVS and a certificate of our own",
			config.Config{PublicHost: "h"},
			[]string{"[::]:1935", "[::]:443", "[::]:80"},
			Endpoints{
				API: "https://h", RTMP: "rtmp://h:1935/app", RTMPS: "rtmps://h:443/app", Playback: "http://h", Watch: "http://h/watch/", Console: "https://h/console/",
			},
		},
		{
			"the web keeps off RTMP's port",
			config.Config{PublicHost: "h"},
			[]string{"127.0.0.1:1935", "127.0.0.1:8080"},
			Endpoints{
				API: "https://h:8080", RTMP: "rtmp://h:1935/app", RTMPS: "rtmps://h:8080/app", Playback: "http://h:8080", Watch: "http://h:8080/watch/", Console: "https://h:8080/console/",
			},
		},
		{
			"only the ports of IVS without a certificate",
			config.Config{PublicHost: "h"},
			[]string{"127.0.0.1:443", "127.0.0.1:1935"},
			Endpoints{
				API: "https://h", RTMP: "rtmp://h:1935/app", RTMPS: "rtmps://h:443/app", Playback: "http://h:443", Watch: "http://h:443/watch/", Console: "https://h/console/",
			},
		},
		{
			"IPv6 and a CDN",
			config.Config{PublicHost: "2001:db8::1", PlaybackBase: "https://cdn.example.com/live"},
			[]string{"[::]:443", "[::]:4500"},
			Endpoints{
				API: "https://[2001:db8::1]", RTMP: "rtmp://[2001:db8::1]:4500/app", RTMPS: "rtmps://[2001:db8::1]:443/app",
				Playback: "https://cdn.example.com/live", Watch: "http://[2001:db8::1]:4500/watch/", Console: "https://[2001:db8::1]/console/",
			},
		},
	} {
		var addrs []netip.AddrPort
		for _, b := range tc.bound {
			addrs = append(addrs, netip.MustParseAddrPort(b))
		}
		if got := endpoints(&tc.cfg, addrs); got != tc.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}
