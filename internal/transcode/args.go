package transcode

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// firstPipe is the descriptor of a child's first output; the others follow.
const firstPipe = 3

// threadsFrom is how many pixels a second a rung has that is encoded by two
// threads: with one the slowest stage of a stream would be slower than live.
const threadsFrom = 40e6

// overshoot is what x264 makes of a hundred bits that it is asked for, as it cannot
// look ahead.
const overshoot = 103

// isolation is what every child is told first: it may read and write pipes and
// nothing else, asks nobody, and says what goes wrong.
func isolation() []string {
	return []string{"-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-protocol_whitelist", "pipe"}
}

// videoArgs is the command line of the child that makes rungs: FLV with nothing
// but H.264 comes in on descriptor 0, and of each rung goes out from descriptor 3
// on. Its timestamps are those that come in.
//
//   - The probe takes 32 bytes, so that nothing waits for it.
//   - Decoding in frame threads would hold pictures back.
//   - Keyframes are where the input's are: -g is out of reach but where keyframes
//     may be no further apart than keyEvery, and no scene cut makes any.
//   - x264 is told the frame rate, as what select passes on has none.
func videoArgs(rungs []Rung, keyEvery time.Duration) []string {
	args := append(isolation(), "-threads", "1", "-thread_type", "slice",
		"-probesize", "32", "-analyzeduration", "0", "-f", "flv", "-copyts", "-i", "pipe:0")
	for i, g := range rungs {
		args = append(args, "-map", "0:v:0", "-vf", filters(g))
		args = append(args, x264(g, keyEvery)...)
		args = append(args, "-fps_mode", "passthrough", "-enc_time_base", "1:1000",
			"-flush_packets", "1", "-flvflags", "no_duration_filesize+no_metadata+no_sequence_end",
			"-f", "flv", "pipe:"+strconv.Itoa(firstPipe+i))
	}
	return args
}

// filters thins and scales. Every other picture is taken, counted from each
// keyframe, so that no keyframe is left out.
func filters(g Rung) string {
	f := fmt.Sprintf("scale=%d:%d:flags=bicubic,setsar=1,format=yuv420p", g.Width, g.Height)
	if g.Halved {
		f = "select='key+gte(n-prev_selected_n,2)'," + f
	}
	return f
}

// x264 is what the encoder is told.
func x264(g Rung, keyEvery time.Duration) []string {
	rate := strconv.FormatInt(g.Video*100/overshoot, 10)
	threads := "1"
	if float64(g.Width*g.Height)*g.Framerate > threadsFrom {
		threads = "2"
	}
	return []string{
		"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-profile:v", "main",
		"-level:v", level(g), "-threads:v", threads, "-b:v", rate, "-maxrate:v", rate, "-bufsize:v", rate,
		"-x264-params", "fps=" + fraction(g.Framerate), "-force_key_frames", "source",
		"-g", strconv.Itoa(keyframes(g, keyEvery)), "-sc_threshold", "0",
	}
}

// level is the H.264 level of a rung: 3.1 as far as it goes (ITU-T H.264, A.3.1:
// macroblocks of a picture, and of a second), which all that Amazon IVS makes
// says of itself.
func level(g Rung) string {
	blocks := float64((g.Width + 15) / 16 * ((g.Height + 15) / 16))
	switch {
	case blocks <= 3600 && blocks*g.Framerate <= 108000*1.01:
		return "3.1"
	case blocks <= 5120 && blocks*g.Framerate <= 216000*1.01:
		return "3.2"
	default:
		return "4.2"
	}
}

// keyframes is the most pictures from one keyframe to the next.
func keyframes(g Rung, every time.Duration) int {
	const never = 100_000
	if every == 0 {
		return never
	}
	return max(1, int(math.Round(g.Framerate*every.Seconds())))
}

// fraction writes a frame rate exactly, as encoders mean it: 29.97 is 30000/1001.
func fraction(rate float64) string {
	const tolerance = 0.001
	if whole := math.Round(rate); math.Abs(rate-whole) < tolerance {
		return strconv.Itoa(int(whole)) + "/1"
	}
	if ntsc := math.Round(rate * 1.001); math.Abs(rate*1.001-ntsc) < tolerance {
		return strconv.Itoa(int(ntsc)*1000) + "/1001"
	}
	return strconv.Itoa(int(math.Round(rate*1000))) + "/1000"
}

// soundArgs is the command line of the child that makes audio of other bit
// rates: FLV with nothing but AAC in and out.
func soundArgs(rates []int64) []string {
	args := append(isolation(), "-threads", "1", "-probesize", "32", "-analyzeduration", "0",
		"-f", "flv", "-copyts", "-i", "pipe:0")
	for i, r := range rates {
		args = append(args, "-map", "0:a:0", "-c:a", "aac", "-profile:a", "aac_low", "-b:a", strconv.FormatInt(r, 10),
			"-flush_packets", "1", "-flvflags", "no_duration_filesize+no_metadata+no_sequence_end",
			"-f", "flv", "pipe:"+strconv.Itoa(firstPipe+i))
	}
	return args
}

// thumbnailArgs is the command line of the child that makes one JPEG of one
// keyframe, of a size, or of the picture's own if width is 0.
func thumbnailArgs(format string, width, height int) []string {
	args := append(isolation(), "-threads", "1", "-skip_frame", "nokey", "-probesize", "32", "-analyzeduration", "0",
		"-f", format, "-i", "pipe:0", "-map", "0:v:0", "-frames:v", "1")
	if width > 0 {
		args = append(args, "-vf", fmt.Sprintf("scale=%d:%d:flags=bicubic,setsar=1", width, height))
	}
	return append(args, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-threads:v", "1", "-q:v", "4", "-f", "image2pipe", "pipe:"+strconv.Itoa(firstPipe))
}
