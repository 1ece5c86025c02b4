package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/e2e/server"
	domain "openivs/internal/ivs"
	"openivs/internal/seal"
	"openivs/internal/store"
	"openivs/internal/store/storetest"
)

// TestPostgreSQLHoldsTheState goes the whole way with PostgreSQL, and through a
// crash of the server.
func TestPostgreSQLHoldsTheState(t *testing.T) {
	t.Parallel()
	database := storetest.Start(t).Database(t)
	s := serve(t, "--database", database)
	ch, whole := s.channel(t), s.channel(t)
	c := encode(t, small, voice)

	enc := stream(t, c, whole.rtmp())
	id := str(whole.live().StreamId)
	compare(t, "live", whole.session(id), c)
	enc.quit()
	over := whole.over(id)
	compare(t, "after the end", over, c)
	if got := names(over); !slices.Equal(got, wholeStream) {
		t.Errorf("events %v, want %v", got, wholeStream)
	}

	stream(t, c, ch.rtmp())
	cut := str(ch.live().StreamId)

	ctx, cancel := context.WithTimeout(t.Context(), readyIn)
	defer cancel()
	other := filepath.Join(t.TempDir(), "data")
	_, err := output(ctx, built.openivs, "serve", "--data", other, "--database", database, "--listen", "127.0.0.1:0", "--srt", "off",
		"--master-key-file", filepath.Join(s.Data, "master.key"))
	if err == nil || ctx.Err() != nil {
		t.Errorf("a second server on the same database: %v, want a refusal", err)
	}
	if again := str(ch.live().StreamId); again != cut {
		t.Errorf("after the second start the stream is %s, want %s", again, cut)
	}

	s.kill()
	s.start()
	if after := ch.session(cut); after.EndTime == nil || !slices.Equal(names(after), wholeStream) {
		t.Errorf("after a crash: endTime %v, events %v, want an end and %v", after.EndTime, names(after), wholeStream)
	}
	if again := whole.session(id); !reflect.DeepEqual(again, over) {
		t.Errorf("after a crash\n got %s\nwant %s", show(t, again), show(t, over))
	}
}

// TestMoreEventsThanAreTold puts 501 events and a failure into the database of a
// stopped server, and asks the next start for them.
func TestMoreEventsThanAreTold(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ch, quiet := s.channel(t), s.channel(t)
	for _, c := range []channel{ch, quiet} {
		if err := publish(t, s.At.RTMP, c.key).Unpublish(c.key); err != nil {
			t.Fatal(err)
		}
		c.appears()
		c.over("")
	}
	s.end(syscall.SIGTERM)

	key, err := seal.Load(filepath.Join(s.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: filepath.Join(s.Data, "openivs.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	arn, err := domain.ParseARN(ch.arn)
	if err != nil {
		t.Fatal(err)
	}
	session, err := db.Session(t.Context(), arn, "")
	if err != nil {
		t.Fatal(err)
	}
	evs := []domain.Event{domain.NewEvent(session, domain.LimitBreach, "Ingest Bitrate", session.Ended)}
	for len(evs) < 501 {
		name := []string{domain.StarvationEnd, domain.StarvationStart}[len(evs)%2]
		evs = append(evs, domain.NewEvent(session, domain.StreamHealthChange, name, session.Ended))
	}
	session.HasError = evs[0].Fault()
	if err := errors.Join(db.SaveSession(t.Context(), session, evs...), db.Close()); err != nil {
		t.Fatal(err)
	}

	s.start()
	told := names(ch.session(session.StreamID))
	if len(told) != 500 || told[0] != "Starvation Start" || told[499] != "Starvation End" {
		t.Errorf("%d events from %s to %s, want the 500 newest", len(told), told[0], told[len(told)-1])
	}
	if all := ch.sessions(); len(all) != 1 || !all[0].HasErrorEvent {
		t.Errorf("sessions %s, want one with hasErrorEvent", show(t, all))
	}
	if all := quiet.sessions(); len(all) != 1 || all[0].HasErrorEvent {
		t.Errorf("sessions %s, want one without hasErrorEvent", show(t, all))
	}
}

// TestABackupTakenLiveCanBeRestored backs up a server with a stream on it and
// starts another from that.
func TestABackupTakenLiveCanBeRestored(t *testing.T) {
	t.Parallel()
	s := serve(t)
	past, now := s.channel(t), s.channel(t, named("now"))
	c := encode(t, small, voice)
	enc := stream(t, c, past.rtmp())
	id := str(past.live().StreamId)
	enc.quit()
	over := past.over(id)
	stream(t, c, now.rtmp())
	live := str(now.live().StreamId)

	backup := filepath.Join(t.TempDir(), "backup")
	command(t, built.command, "backup", "--data", s.Data, backup)
	if got := str(now.live().StreamId); got != live {
		t.Errorf("after the backup the stream is %s, want %s undisturbed", got, live)
	}
	dir := t.TempDir()
	command(t, built.command, "restore", "--data", filepath.Join(dir, "data"), backup)

	ctx, cancel := context.WithTimeout(t.Context(), readyIn)
	defer cancel()
	twin, err := server.Start(ctx, built.openivs, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := twin.Stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}()
	api, err := twin.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(arn, id string) *ivs.GetStreamSessionOutput {
		t.Helper()
		out, err := api.GetStreamSession(t.Context(), &ivs.GetStreamSessionInput{ChannelArn: &arn, StreamId: &id})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := ask(past.arn, id).StreamSession; !reflect.DeepEqual(got, over) {
		t.Errorf("restored\n got %s\nwant %s", show(t, got), show(t, over))
	}
	if got := ask(now.arn, live).StreamSession; got.EndTime == nil || !slices.Equal(names(got), wholeStream) {
		t.Errorf("what was live: endTime %v, events %v, want an end and %v", got.EndTime, names(got), wholeStream)
	}
	// The stream key came along, and opens the restored channel.
	pub := publish(t, twin.At.RTMP, now.key)
	if err := pub.Unpublish(now.key); err != nil {
		t.Error(err)
	}
}

// TestAnOperatorsCertificate serves playback over HTTPS with the certificate
// that was given.
func TestAnOperatorsCertificate(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := serve(t, "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.At.Playback, "https://") {
		t.Errorf("playback is at %s, want https", s.At.Playback)
	}
	client := ivs.New(s.ivs.Options(), func(o *ivs.Options) { o.HTTPClient = trusting(t, cert) })
	out, err := client.CreateChannel(t.Context(), &ivs.CreateChannelInput{})
	if err != nil {
		t.Fatal(err)
	}
	s.ivs = client
	ch := channel{s: s, t: t, arn: str(out.Channel.Arn), key: str(out.StreamKey.Value), playback: str(out.Channel.PlaybackUrl)}
	stream(t, encode(t, small, voice), ch.rtmps())
	ch.live()
	kinds := map[string]bool{}
	for _, s := range ffprobe(t, ch.playback).Streams {
		kinds[s.Type] = true
	}
	if !kinds["video"] || !kinds["audio"] {
		t.Errorf("ffprobe sees %v at %s, want a picture and sound", kinds, ch.playback)
	}
}

// trusting is a client that trusts one certificate.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// certificate makes a self-signed one for the loopback address.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "an operator's"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
