package geo_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"openivs/internal/geo"
)

// write makes a database; a code that begins with r is of a registered country.
func write(tb testing.TB, file string, where map[string]string) {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		tb.Fatal(err)
	}
	for network, code := range where {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			tb.Fatal(err)
		}
		name := mmdbtype.String("country")
		if code[0] == 'r' {
			name, code = "registered_country", code[1:]
		}
		if err := tree.Insert(n, mmdbtype.Map{name: mmdbtype.Map{"iso_code": mmdbtype.String(code)}}); err != nil {
			tb.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func expect(t *testing.T, d *geo.Database, want map[string]string) {
	t.Helper()
	for address, code := range want {
		var a netip.Addr
		if address != "" {
			a = netip.MustParseAddr(address)
		}
		if got := d.Country(a); got != code {
			t.Errorf("%s is in %q, want %q", address, got, code)
		}
	}
}

func TestACountryIsThatOfTheNetwork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.mmdb")
	write(t, file, map[string]string{"81.2.69.0/24": "GB", "2001:218::/32": "JP", "203.0.113.0/24": "rFR"})
	d, err := geo.Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, d, map[string]string{
		"81.2.69.142": "GB", "81.2.70.1": "", "2001:218::1": "JP", "2001:219::1": "", "203.0.113.7": "FR",
		"::ffff:81.2.69.142": "GB", "fe80::1%eth0": "", "127.0.0.1": "", "": "",
	})
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "c.mmdb")
		write(t, file, map[string]string{"81.2.69.0/24": "GB"})
		d, err := geo.Open(file, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		go d.Run(t.Context())
		step := func(want string) {
			t.Helper()
			<-time.After(1500 * time.Millisecond)
			synctest.Wait()
			expect(t, d, map[string]string{"81.2.69.142": want})
		}
		step("GB")
		write(t, file, map[string]string{"81.2.69.0/24": "SE", "81.2.70.0/24": "NO"})
		step("SE")
		for _, text := range []string{"", "no database", "\xab\xcd\xefMaxMind.com"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			step("SE")
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		step("SE")
		write(t, file, map[string]string{"81.2.69.0/24": "DK"})
		step("DK")
	})
}

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.mmdb")
	for _, text := range []string{"", "x"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := geo.Open(file, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q was opened", text)
		}
	}
	if _, err := geo.Open(file+"x", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("what does not exist was opened")
	}
}

func BenchmarkCountry(b *testing.B) {
	file := filepath.Join(b.TempDir(), "c.mmdb")
	write(b, file, map[string]string{"81.2.69.0/24": "GB"})
	d, err := geo.Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	at := netip.MustParseAddr("81.2.69.142")
	b.ReportAllocs()
	for b.Loop() {
		d.Country(at)
	}
}
