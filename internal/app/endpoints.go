package app

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"openivs/internal/config"
	"openivs/internal/console"
	"openivs/internal/durable"
	"openivs/internal/lock"
	"openivs/internal/player"
)

// Endpoints is where a running server can be reached: complete URLs with the
// ports really bound.
type Endpoints struct {
	API      string `json:"api"`
	RTMP     string `json:"rtmp"`
	RTMPS    string `json:"rtmps"`
	SRT      string `json:"srt"` // "": SRT is off
	Playback string `json:"playback"`
	Watch    string `json:"watch"` // a channel's id after it makes the address of its page
	Console  string `json:"console"`
	Region   string `json:"region"`
	Account  string `json:"account"`
}

// endpointsName is the file in the data directory that says where a server
// runs. It is there from when the server is ready until it has stopped.
const endpointsName = "endpoints.json"

// The ports where clients look first (IANA; Amazon IVS endpoints).
const (
	portHTTP  = 80
	portHTTPS = 443
	portRTMP  = 1935
)

// endpoints says where bound listeners are reached. Every listener speaks
// every protocol; each URL names the one where clients of its protocol look
// first, and web URLs keep off RTMP's port if another is there.
func endpoints(cfg *config.Config, bound []netip.AddrPort) Endpoints {
	ports := make([]uint16, len(bound))
	for i, a := range bound {
		ports[i] = a.Port()
	}
	host := cfg.PublicHost
	web := address(host, choose(ports, portHTTPS, portRTMP), portHTTPS)
	return Endpoints{
		API:      "https://" + web,
		Console:  consoleBase(cfg, ports, web) + console.Root,
		RTMP:     "rtmp://" + net.JoinHostPort(host, strconv.Itoa(int(choose(ports, portRTMP, portHTTPS)))) + "/app",
		RTMPS:    "rtmps://" + net.JoinHostPort(host, strconv.Itoa(int(choose(ports, portHTTPS, portRTMP)))) + "/app",
		Playback: cmp.Or(cfg.PlaybackBase, playbackBase(cfg, ports)),
		Watch:    playbackBase(cfg, ports) + player.Root,
		Region:   cfg.Region,
		Account:  cfg.Account,
	}
}

// playbackBase is what every playbackUrl starts with unless it is set. A
// certificate of our own would be refused by players, hence plain HTTP with it.
func playbackBase(cfg *config.Config, ports []uint16) string {
	if cfg.TLSCert != "" {
		return "https://" + address(cfg.PublicHost, choose(ports, portHTTPS, portRTMP), portHTTPS)
	}
	if port := choose(ports, portHTTP, portRTMP, portHTTPS); port != portHTTPS {
		return "http://" + address(cfg.PublicHost, port, portHTTP)
	}
	return "http://" + net.JoinHostPort(cfg.PublicHost, strconv.Itoa(portHTTPS))
}

// consoleBase is where the console is. On this machine alone a certificate of our
// own would only be in the way of its first visitor.
func consoleBase(cfg *config.Config, ports []uint16, web string) string {
	if a, err := netip.ParseAddr(cfg.PublicHost); cfg.TLSCert == "" && (cfg.PublicHost == "localhost" || err == nil && a.IsLoopback()) {
		return playbackBase(cfg, ports)
	}
	return "https://" + web
}

// choose returns the port that is wanted if it is there, else the first that is
// not among others, else the first.
func choose(ports []uint16, want uint16, others ...uint16) uint16 {
	if slices.Contains(ports, want) {
		return want
	}
	for _, p := range ports {
		if !slices.Contains(others, p) {
			return p
		}
	}
	return ports[0]
}

// address returns HOST, with the port unless it is the usual one.
func address(host string, port, usual uint16) string {
	if port != usual {
		return net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}

func (e Endpoints) write(data string) error {
	body, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(data, endpointsName), durable.Private, append(body, '\n'))
}

// ErrNotRunning says that no server that is ready uses a data directory, whatever
// one that was killed has left there.
var ErrNotRunning = errors.New("no server is running with this data directory")

// ReadEndpoints returns where the server that uses a data directory is reached.
func ReadEndpoints(data string) (Endpoints, error) {
	body, err := os.ReadFile(filepath.Join(data, endpointsName))
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoints{}, ErrNotRunning
	}
	if err != nil {
		return Endpoints{}, err
	}
	running, err := lock.DirHeld(data)
	if err != nil {
		return Endpoints{}, err
	}
	if !running {
		return Endpoints{}, ErrNotRunning
	}
	var e Endpoints
	return e, json.Unmarshal(body, &e)
}

func removeEndpoints(data string) error {
	err := os.Remove(filepath.Join(data, endpointsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
