package proof

import (
	"strings"
	"testing"
)

func FuzzPlaylist(f *testing.F) {
	f.Add("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.00000,\n#EXT-X-BYTERANGE:10@0\n0.ts\n#EXT-X-ENDLIST\n")
	f.Add("#EXTM3U\n0.ts")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readPlaylist(text)
		if err == nil && (len(all) > strings.Count(text, "\n") || !strings.Contains(text, "#EXT-X-ENDLIST")) {
			t.Errorf("%d segments in %q", len(all), text)
		}
	})
}
