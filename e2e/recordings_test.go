package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTheConsolePlaysAndVerifiesRecordings records a stream of ffmpeg, plays the
// recording in the console and has it verified, whole and with a segment changed.
func TestTheConsolePlaysAndVerifiesRecordings(t *testing.T) {
	t.Parallel()
	s := serve(t, "--transcode", "off")
	ch := s.channel(t, recordedTo(s.recording(t, bucketName)), named("kept"))
	id := ch.arn[strings.LastIndexByte(ch.arn, '/')+1:]
	enc := stream(t, encode(t, small, voice), ch.rtmp())
	session := str(ch.live().StreamId)
	v := visit(t, s)
	v.do("open", "url", s.At.Console+"#/recordings?channel="+id)
	v.do("signIn", "keys", s.root(t))
	v.do("has", "text", "Recording")
	watched := time.NewTimer(5 * time.Second)
	<-watched.C
	enc.quit()
	ch.recorded(session)
	v.do("has", "text", "Complete") // without a reload
	v.do("press", "role", "link", "name", v.do("first"))
	v.do("has", "text", session)
	seconds, err := strconv.ParseFloat(v.do("played"), 64)
	if err != nil || seconds < 3 {
		t.Errorf("it plays %v s, %v", seconds, err)
	}
	v.do("press", "name", "Verify")
	v.do("has", "text", "It is whole")
	if wrong := v.do("look", "heading", "Is it whole?"); wrong != "" {
		t.Error(wrong)
	}
	dir := filepath.Join(s.Data, "buckets", bucketName)
	for _, name := range files(t, dir) {
		if strings.HasSuffix(name, "/1.ts") {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("not what it was"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.do("press", "name", "Verify")
	v.do("has", "text", "It is not whole.")
	v.clean()

	reader := keysOf(t, s.grant(t, "reader", "", "--managed", "IVSReadOnlyAccess"))
	v.do("open", "url", s.At.Console+"#/recordings")
	v.do("signIn", "keys", reader)
	v.do("press", "role", "link", "name", v.do("first"))
	v.do("disabled", "name", "Play")
	v.do("disabled", "name", "Verify")
	v.clean()
}
