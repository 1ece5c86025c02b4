package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"openivs/internal/blob/s3/s3test"
)

// wholeRecorded is the order of the events of a session that was recorded.
var wholeRecorded = []string{"Session Created", "Stream Start", "Recording Start", "Session Ended", "Stream End", "Recording End"}

// recordedTo has a channel recorded.
func recordedTo(arn string) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.RecordingConfigurationArn = &arn }
}

type selection = types.RenditionConfigurationRenditionSelection

// selections are all there are.
var selections = []selection{
	types.RenditionConfigurationRenditionSelectionAll,
	types.RenditionConfigurationRenditionSelectionCustom,
	types.RenditionConfigurationRenditionSelectionNone,
}

// selecting has some renditions recorded.
func selecting(sel selection) func(*ivs.CreateRecordingConfigurationInput) {
	return func(in *ivs.CreateRecordingConfigurationInput) {
		in.RenditionConfiguration = &types.RenditionConfiguration{RenditionSelection: sel}
		if sel == types.RenditionConfigurationRenditionSelectionCustom {
			in.RenditionConfiguration.Renditions = []types.RenditionConfigurationRendition{types.RenditionConfigurationRenditionSd}
		}
	}
}

func inContainer(format types.ContainerFormat) func(*ivs.CreateChannelInput) {
	return func(in *ivs.CreateChannelInput) { in.ContainerFormat = format }
}

// recorded waits until a session has an event about the end of its recording.
func (c channel) recorded(id string) *types.StreamSession {
	c.t.Helper()
	var session *types.StreamSession
	until(c.t, overIn, "the recording is over", func() (bool, string) {
		session = c.session(id)
		all := names(session)
		return slices.Contains(all, "Recording End") || slices.Contains(all, "Recording End Failure") ||
			slices.Contains(all, "Recording Start Failure"), fmt.Sprint(all)
	})
	return session
}

// files are the paths of all files below a directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// pictures counts the pictures of what a playlist lists, as ffprobe finds them.
func pictures(t *testing.T, playlist string) int {
	t.Helper()
	out := command(t, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts", "-of", "csv=p=0",
		"-allowed_extensions", "ALL", playlist)
	n := 0
	for line := range bytes.Lines(out) {
		if len(bytes.Trim(line, ",\n")) > 0 { // not that of its side data
			n++
		}
	}
	return n
}

// A vault is a bucket that a server records into, named demo-bucket.
type vault struct {
	server  *running
	conf    string                    // ARN of the recording configuration
	objects func(t *testing.T) string // a directory with what is in the bucket
	served  bool                      // by the server itself
}

// vaults are the kinds of bucket there are.
var vaultKinds = []string{"S3", "directory"}

func vaults() map[string]func(t *testing.T, args ...string) vault {
	return map[string]func(t *testing.T, args ...string) vault{"directory": directory, "S3": s3Bucket}
}

func directory(t *testing.T, args ...string) vault {
	t.Helper()
	s := serve(t, args...)
	return vault{server: s, conf: s.recording(t, bucketName), served: true, objects: func(*testing.T) string {
		return filepath.Join(s.Data, "buckets", bucketName)
	}}
}

const bucketName = "demo-bucket"

func s3Bucket(t *testing.T, args ...string) vault {
	t.Helper()
	store := s3test.Start(t)
	store.Bucket(t, s3test.Root(), bucketName)
	s := serveWith(t, s3test.Root().Environ(), append(args, "--recording-store", "s3", "--s3-endpoint", store.Endpoint,
		"--s3-region", s3test.Region, "--s3-path-style", "true")...)
	return vault{server: s, conf: s.recording(t, bucketName), objects: func(t *testing.T) string {
		t.Helper()
		return download(t, store.Client(s3test.Root()))
	}}
}

// download copies all that is in the bucket into a directory.
func download(t *testing.T, client *s3.Client) string {
	t.Helper()
	dir := t.TempDir()
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			if strings.HasSuffix(*o.Key, "/") { // the server shows directories too
				continue
			}
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucketName), Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(out.Body)
			name := filepath.Join(dir, filepath.FromSlash(*o.Key))
			if err = errors.Join(err, out.Body.Close(), os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, b, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// recording returns the directory of a channel's one recording.
func (v vault) recording(t *testing.T, ch channel) string {
	t.Helper()
	dir := v.objects(t)
	layout := regexp.MustCompile(`^ivs/v1/` + v.server.At.Account + `/` + ch.arn[strings.LastIndex(ch.arn, "/")+1:] +
		`/20\d\d/[1-9]\d?/[1-9]\d?/(0|[1-9]\d?)/(0|[1-9]\d?)/[0-9A-Za-z]{12}$`)
	var found []string
	for _, f := range files(t, dir) {
		if p, ok := strings.CutSuffix(f, "/events/recording-started.json"); ok && layout.MatchString(p) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		t.Fatalf("recordings of %s: %v, want one", ch.arn, found)
	}
	return filepath.Join(dir, filepath.FromSlash(found[0]))
}

// TestAStreamIsRecorded publishes a clip three times over and looks for every
// picture of it in the bucket. A short run has each bucket and each container once.
func TestAStreamIsRecorded(t *testing.T) {
	t.Parallel()
	c := encode(t, small, voice)
	for i, kind := range vaultKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := vaults()[kind](t)
			for j, format := range []types.ContainerFormat{types.ContainerFormatTs, types.ContainerFormatFragmentedMP4} {
				if !*soak && (int64(i+j)+built.seed)%2 != 0 {
					continue
				}
				t.Run(string(format), func(t *testing.T) {
					v.records(t, c, format)
				})
			}
			if left := files(t, filepath.Join(v.server.Data, "recordings")); len(left) > 0 {
				t.Errorf("left in the spool: %v", left)
			}
		})
	}
}

func (v vault) records(t *testing.T, c clip, format types.ContainerFormat) {
	t.Helper()
	ch := v.server.in(t).channel(t, recordedTo(v.conf), inContainer(format))
	enc := ffmpeg(t, "-re", "-stream_loop", "2", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp())
	if err := enc.left(4*clipSeconds*time.Second + liveIn); err != nil {
		t.Fatal(err)
	}
	over := ch.recorded("")
	if got := names(over); !slices.Equal(got, wholeRecorded) {
		t.Errorf("events %v, want %v", got, wholeRecorded)
	}
	if r := over.RecordingConfiguration; r == nil || str(r.Arn) != v.conf || r.State != types.RecordingConfigurationStateActive {
		t.Errorf("the session's recording configuration is %s", show(t, r))
	}
	dir := v.recording(t, ch)
	wantRecording(t, dir, 3*clipSeconds*30)
	if v.served {
		wantServed(t, v.server, dir)
	}
	if v.served && format == types.ContainerFormatTs {
		wantHolesFound(t, dir)
	}
}

// wantServed plays a recording by a URL that is signed for it, and by none that is
// not.
func wantServed(t *testing.T, s *running, dir string) {
	t.Helper()
	sign := func(more ...string) string {
		args := append([]string{"recording", "url", dir, "--data", s.Data}, more...)
		return strings.TrimSpace(string(command(t, built.command, args...)))
	}
	signed := sign()
	status, header, master := fetch(t, signed)
	if status != http.StatusOK || header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(master, "/playlist.m3u8?expires=") {
		t.Fatalf("%s: %d, %v\n%s", signed, status, header, master)
	}
	for _, list := range []string{signed, strings.Replace(signed, "/master.m3u8", "/byte-range-multivariant.m3u8", 1)} {
		if got, want := pictures(t, list), 3*clipSeconds*30; got != want {
			t.Errorf("%s has %d pictures, want %d", list, got, want)
		}
	}
	base, _, _ := strings.Cut(signed, "/media/hls/")
	_, query, _ := strings.Cut(signed, "?")
	if err := verify(t, base+"?"+query); err != nil {
		t.Error(err)
	}
	for what, address := range map[string]string{
		"no signature":         strings.TrimSuffix(signed, "?"+query),
		"another time":         strings.Replace(signed, "expires=", "expires=9", 1),
		"another signature":    strings.Replace(signed, "signature=", "signature=A", 1),
		"an expired one":       sign("--expires=-1s"),
		"another recording":    strings.Replace(signed, "/ivs/v1/", "/ivs/v2/", 1),
		"the way up":           base + "/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fmaster.key?" + query,
		"one for other bucket": strings.Replace(signed, "/demo-bucket/", "/demo-buckets/", 1),
	} {
		if status, _, _ := fetch(t, address); status != http.StatusForbidden {
			t.Errorf("with %s: %d, want 403", what, status)
		}
	}
	if status, _, _ := fetch(t, base+"/media/hls/none.ts?"+query); status != http.StatusNotFound {
		t.Errorf("what is not there: %d, want 404", status)
	}
}

// listedLive is how many segments a channel's playlist lists.
func listedLive(t *testing.T, ch channel) int {
	t.Helper()
	_, _, master := fetch(t, ch.playback)
	lines := strings.Split(strings.TrimSpace(master), "\n")
	base, err := url.Parse(ch.playback)
	if err != nil {
		t.Fatal(err)
	}
	at, err := base.Parse(lines[len(lines)-1])
	if err != nil {
		t.Fatal(err)
	}
	_, _, list := fetch(t, at.String())
	return strings.Count(list, "#EXTINF:")
}

// TestARecordingSurvivesKills kills the server at random instants: while it
// records, and once or twice while the next ones bring the recordings to their end. The
// rounds have each selection of renditions in turn; a short run has one, with one of
// the buckets.
func TestARecordingSurvivesKills(t *testing.T) {
	t.Parallel()
	rounds := 1
	if *soak {
		rounds = 20
	}
	c := encode(t, small, voice)
	dice := rand.New(rand.NewPCG(uint64(built.seed), 6))
	for i, kind := range vaultKinds {
		for round := range rounds {
			if !*soak {
				round = int(uint64(built.seed) / 2 % uint64(len(selections)))
			}
			instant := 3*time.Second + time.Duration(dice.Int64N(int64(15*time.Second)))
			again := time.Duration(dice.Int64N(int64(200 * time.Millisecond)))
			if !*soak && (int64(i)+built.seed)%2 != 0 {
				continue
			}
			t.Run(fmt.Sprint(kind, " ", round), func(t *testing.T) {
				t.Parallel()
				vaults()[kind](t).survives(t, c, selections[round%len(selections)], instant, again)
			})
		}
	}
}

// survives streams to two channels, kills the server an instant after they began and
// again at once after the next start.
func (v vault) survives(t *testing.T, c clip, sel selection, instant, again time.Duration) {
	t.Helper()
	s := v.server
	conf := s.recording(t, bucketName, selecting(sel))
	ts := s.channel(t, recordedTo(conf), inContainer(types.ContainerFormatTs))
	mp4 := s.channel(t, recordedTo(conf), inContainer(types.ContainerFormatFragmentedMP4))
	least := map[string]int{}
	for _, ch := range []channel{ts, mp4} {
		stream(t, c, ch.rtmp())
		ch.live()
	}
	<-time.After(instant)
	for _, ch := range []channel{ts, mp4} {
		least[ch.arn] = (listedLive(t, ch) - 1) * 2 * gopSeconds * 30 // the newest may not be on the disk yet
	}
	s.kill()
	s.start()
	<-time.After(again)
	s.kill()
	s.start()
	for _, ch := range []channel{ts, mp4} {
		id := str(ch.sessions()[len(ch.sessions())-1].StreamId)
		over := ch.recorded(id)
		if got := names(over); !slices.Contains(got, "Recording End") || slices.Contains(got, "Recording End Failure") {
			t.Errorf("events %v, want Recording End", got)
		}
		dir := v.oldest(t, ch)
		if err := verify(t, dir); err != nil {
			t.Errorf("killed after %v and %v: %v", instant, again, err)
		}
		if sel == types.RenditionConfigurationRenditionSelectionNone {
			continue // there are no pictures
		}
		for _, list := range []string{"media/hls/master.m3u8", "media/hls/byte-range-multivariant.m3u8"} {
			if got := pictures(t, filepath.Join(dir, list)); got < least[ch.arn] {
				t.Errorf("killed after %v and %v: %s has %d pictures, want at least %d", instant, again, list, got, least[ch.arn])
			}
		}
	}
}

// oldest returns the directory of a channel's first recording.
func (v vault) oldest(t *testing.T, ch channel) string {
	t.Helper()
	dir := v.objects(t)
	for _, f := range files(t, dir) {
		p, ok := strings.CutSuffix(f, "/events/recording-ended.json")
		if ok && strings.Contains(p, ch.arn[strings.LastIndex(ch.arn, "/")+1:]) {
			return filepath.Join(dir, filepath.FromSlash(p))
		}
	}
	t.Fatalf("no recording of %s is over", ch.arn)
	return ""
}

// wantRecording looks at a whole recording of one rendition with so many pictures.
func wantRecording(t *testing.T, dir string, frames int) {
	t.Helper()
	meta := readJSON[struct {
		Status string `json:"recording_status"`
		Media  struct {
			HLS struct {
				Duration   int64  `json:"duration_ms"`
				Path       string `json:"path"`
				Playlist   string `json:"playlist"`
				ByteRange  string `json:"byte_range_playlist"`
				Renditions []struct {
					Path      string `json:"path"`
					Playlist  string `json:"playlist"`
					ByteRange string `json:"byte_range_playlist"`
					Height    int    `json:"resolution_height"`
					Width     int    `json:"resolution_width"`
				} `json:"renditions"`
			} `json:"hls"`
			Thumbnails struct {
				Path   string `json:"path"`
				Height int64  `json:"resolution_height"`
				Width  int64  `json:"resolution_width"`
			} `json:"thumbnails"`
		} `json:"media"`
	}](t, filepath.Join(dir, "events/recording-ended.json"))
	if meta.Status != "RECORDING_ENDED" || len(meta.Media.HLS.Renditions) != 1 {
		t.Fatalf("metadata %+v", meta)
	}
	r := meta.Media.HLS.Renditions[0]
	if r.Path != "180p30" || r.Width != small.width || r.Height != small.height {
		t.Errorf("rendition %+v", r)
	}
	if ms := int64(frames) * 1000 / 30; meta.Media.HLS.Duration < ms-100 || meta.Media.HLS.Duration > ms+100 {
		t.Errorf("it lasts %d ms, want about %d", meta.Media.HLS.Duration, ms)
	}
	thumb := ffprobe(t, filepath.Join(dir, meta.Media.Thumbnails.Path, "thumb0.jpg")).Streams[0]
	if thumb.Width != int64(small.width) || thumb.Height != int64(small.height) || thumb.Width != meta.Media.Thumbnails.Width || thumb.Height != meta.Media.Thumbnails.Height {
		t.Errorf("the thumbnail is %+v, said to be %+v", thumb, meta.Media.Thumbnails)
	}
	hls := filepath.Join(dir, meta.Media.HLS.Path)
	for _, playlist := range []string{
		filepath.Join(hls, r.Path, r.Playlist), filepath.Join(hls, r.Path, r.ByteRange),
		filepath.Join(hls, meta.Media.HLS.Playlist), filepath.Join(hls, meta.Media.HLS.ByteRange),
	} {
		if got := pictures(t, playlist); got != frames {
			t.Errorf("%s has %d pictures, want %d", filepath.Base(playlist), got, frames)
		}
	}
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	command(t, "ffmpeg", "-v", "error", "-xerror", "-allowed_extensions", "ALL", "-i", filepath.Join(hls, meta.Media.HLS.Playlist), "-f", "null", "-")
}

// verify has a recording compared with its manifest.
func verify(t *testing.T, where string) error {
	t.Helper()
	_, err := output(t.Context(), built.command, "recording", "verify", where)
	return err
}

// wantHolesFound damages a recording in every way that a disk or a person may.
func wantHolesFound(t *testing.T, dir string) {
	t.Helper()
	if err := verify(t, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, dir) {
		if name == "events/recording-started.json" || strings.Contains(name, "multivariant") || strings.HasSuffix(name, ".jpg") || strings.HasSuffix(name, "master.m3u8") {
			continue
		}
		file := filepath.Join(dir, name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(whole)
		changed[len(changed)/2] ^= 4
		for what, b := range map[string][]byte{"cut": whole[:len(whole)-2], "empty": nil, "changed": changed} {
			if what == "changed" && !strings.Contains(name, "/hls/") || strings.HasSuffix(name, ".m3u8") && what != "empty" {
				continue // perhaps in a word that nothing hangs on
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := verify(t, dir); err == nil {
				t.Errorf("%s is %s, and nothing is found", name, what)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := verify(t, dir); err == nil {
			t.Errorf("%s is missing, and nothing is found", name)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAStopEndsRecordings stops a server that records, and looks before the next
// start. A short run has one selection of renditions.
func TestAStopEndsRecordings(t *testing.T) {
	t.Parallel()
	for i, sel := range selections {
		if !*soak && (int64(i)+built.seed)%int64(len(selections)) != 0 {
			continue
		}
		t.Run(string(sel), func(t *testing.T) {
			t.Parallel()
			directory(t).stops(t, sel)
		})
	}
}

func (v vault) stops(t *testing.T, sel selection) {
	t.Helper()
	c := encode(t, small, voice)
	ch := v.server.channel(t, recordedTo(v.server.recording(t, bucketName, selecting(sel))))
	stream(t, c, ch.rtmp())
	id := str(ch.live().StreamId)
	until(t, liveIn, "the recording has begun", func() (bool, string) {
		all := names(ch.session(id))
		return slices.Contains(all, "Recording Start"), fmt.Sprint(all)
	})
	v.server.end(syscall.SIGTERM)
	if err := verify(t, v.oldest(t, ch)); err != nil {
		t.Error(err)
	}
	v.server.start()
	if got := names(ch.session(id)); !slices.Equal(got, wholeRecorded) {
		t.Errorf("events %v, want %v", got, wholeRecorded)
	}
}

// TestEveryRenditionIsRecorded records a channel that is transcoded.
func TestEveryRenditionIsRecorded(t *testing.T) {
	onlySoak(t)
	v := directory(t, "--transcode", "on", "--transcode-cores", "100")
	ch := v.server.channel(t, recordedTo(v.conf), func(in *ivs.CreateChannelInput) { in.Type = types.ChannelTypeStandardChannelType })
	c := encode(t, picture{width: 640, height: 360, fps: 30, profile: "main", kbps: 500}, voice)
	enc := ffmpeg(t, "-re", "-stream_loop", "1", "-i", c.file, "-c", "copy", "-f", "flv", ch.rtmp())
	if err := enc.left(3*clipSeconds*time.Second + liveIn); err != nil {
		t.Fatal(err)
	}
	if got := names(ch.recorded("")); !slices.Contains(got, "Recording End") {
		t.Fatalf("events %v", got)
	}
	dir := v.recording(t, ch)
	if err := verify(t, dir); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"360p30", "160p30"} {
		if got, want := pictures(t, filepath.Join(dir, "media/hls", name, "playlist.m3u8")), 2*clipSeconds*30; got != want {
			t.Errorf("%s has %d pictures, want %d", name, got, want)
		}
	}
}
