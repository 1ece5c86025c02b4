package proof_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"openivs/internal/record/proof"
)

// sample is a recording of two renditions, whose second segment is of another stream
// and needs another initialization section.
func sample() map[string]string {
	sum := sha256.Sum256([]byte("x"))
	hash := hex.EncodeToString(sum[:])
	all := map[string]string{proof.EndedName: `{"recording_status":"RECORDING_ENDED","media":{"hls":{"duration_ms":2000}}}`}
	var renditions []string
	master, ranges := "#EXTM3U\n", "#EXTM3U\n"
	for _, r := range []string{"720p30", "480p30"} {
		dir := proof.MediaDir + "/" + r + "/"
		list, pieces := "#EXTM3U\n", "#EXTM3U\n"
		var inits, segments []string
		for n := range 2 {
			init, file := fmt.Sprintf("init-%d.mp4", n), fmt.Sprintf("%d.mp4", n)
			all[dir+init], all[dir+file] = "x", "x"
			inits = append(inits, fmt.Sprintf(`{"uri":%q,"bytes":1,"sha256":%q}`, init, hash))
			segments = append(segments, fmt.Sprintf(`{"sequence":%d,"uri":%q,"duration":1,"bytes":1,"sha256":%q,"pieces":1,"discontinuity":%t}`, n, file, hash, n > 0))
			head := fmt.Sprintf("#EXT-X-MAP:URI=\"%s\"\n#EXTINF:1.00000,\n", init)
			if n > 0 {
				head = "#EXT-X-DISCONTINUITY\n" + head
			}
			list += head + file + "\n"
			pieces += head + "#EXT-X-BYTERANGE:1@0\n" + file + "\n"
		}
		all[dir+proof.PlaylistName], all[dir+proof.PieceListName] = list+"#EXT-X-ENDLIST\n", pieces+"#EXT-X-ENDLIST\n"
		master += "#EXT-X-STREAM-INF:BANDWIDTH=1\n" + r + "/" + proof.PlaylistName + "\n"
		ranges += "#EXT-X-STREAM-INF:BANDWIDTH=1\n" + r + "/" + proof.PieceListName + "\n"
		renditions = append(renditions, fmt.Sprintf(`{"path":%q,"inits":[%s],"segments":[%s]}`, r, strings.Join(inits, ","), strings.Join(segments, ",")))
	}
	all[proof.MediaDir+"/"+proof.MasterName], all[proof.MediaDir+"/"+proof.RangesName] = master, ranges
	all[proof.Name] = `{"version":"1","durationMilliseconds":2000,"renditions":[` + strings.Join(renditions, ",") + `]}`
	return all
}

func verify(t *testing.T, all map[string]string) error {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range all {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	_, err := proof.Verify(t.Context(), func(_ context.Context, name string) (io.ReadCloser, error) { return root.Open(name) })
	return err
}

func TestPlaylistsLeadToAllThatWasWritten(t *testing.T) {
	if err := verify(t, sample()); err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct{ name, playlist string }{{proof.MasterName, proof.PlaylistName}, {proof.RangesName, proof.PieceListName}} {
		many, one := proof.MediaDir+"/"+list.name, proof.MediaDir+"/480p30/"+list.playlist
		for _, tt := range []struct{ what, name, old, text string }{
			{"no multivariant playlist", many, "", ""},
			{"another file in its place", many, "#EXTM3U", "<html>"},
			{"a rendition is not listed", many, "480p30/" + list.playlist + "\n", ""},
			{"another rendition is listed", many, "480p30/", "160p30/"},
			{"a rendition is listed twice", many, "480p30/", "720p30/"},
			{"another playlist is listed", many, "480p30/" + list.playlist, "480p30/other.m3u8"},
			{"a discontinuity is missing", one, "#EXT-X-DISCONTINUITY\n", ""},
			{"there is a discontinuity more", one, "#EXTM3U\n", "#EXTM3U\n#EXT-X-DISCONTINUITY\n"},
			{"no initialization section at first", one, "#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""},
			{"an initialization section that is not there", one, "init-1.mp4", "init-2.mp4"},
			{"no initialization section anew", one, "#EXT-X-MAP:URI=\"init-0.mp4\"", "#EXT-X-MAP:URI=\"init-9.mp4\""},
		} {
			all := sample()
			if tt.old == "" {
				delete(all, tt.name)
			} else if all[tt.name] = strings.Replace(all[tt.name], tt.old, tt.text, 1); all[tt.name] == sample()[tt.name] {
				t.Errorf("%s of %s: nothing changed", tt.what, list.name)
			}
			if err := verify(t, all); err == nil || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("%s of %s: %v, want an error about %s", tt.what, list.name, err, tt.name)
			}
		}
	}
}
