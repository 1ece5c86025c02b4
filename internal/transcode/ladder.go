package transcode

import (
	"math"
	"slices"
	"strconv"
	"time"

	"openivs/internal/ivs"
)

// An Input is what of an encoder's picture decides on renditions.
type Input struct {
	Width, Height int     // pixels
	Framerate     float64 // per second
}

// A Ladder is the renditions of a stream, best first.
type Ladder struct {
	Source    bool   // the encoder's own picture is one, the best
	Rungs     []Rung // made by transcoding
	AudioOnly bool   // there always is one without a picture
	Sound     int64  // bits per second of that one's audio; 0: the encoder's own

	// KeyEvery is the longest between keyframes; 0: they are where the encoder's
	// are and nowhere else.
	KeyEvery time.Duration
}

// Renditions counts the renditions.
func (l Ladder) Renditions() int {
	n := len(l.Rungs)
	if l.Source {
		n++
	}
	if l.AudioOnly {
		n++
	}
	return n
}

// A Rung is a rendition made by transcoding.
type Rung struct {
	Name          string  // such as 720p60
	Width, Height int     // pixels
	Framerate     float64 // per second
	Halved        bool    // it has every other picture of the input
	Video         int64   // bits per second
	Audio         int64   // bits per second; 0: the encoder's own
}

// AudioOnly is the name of the rendition without a picture.
const AudioOnly = "audio_only"

const (
	// slowest is the frame rate above which an input counts as one of 60.
	slowest = 30.5
	// near is the part by which an input may miss a size and still count as it.
	near = 0.01
)

// A box is the size of a landscape rung. A picture of another shape is as large
// as fits; a portrait picture stands in the box turned.
type box struct{ long, short int }

// The boxes (Amazon IVS, what recordings hold).
func box720() box { return box{1280, 720} }
func box480() box { return box{852, 480} }
func box360() box { return box{640, 360} }
func box160() box { return box{284, 160} }

// scale is what a picture's edges are multiplied with to fit, above 1 if the
// picture is smaller than the box.
func (b box) scale(in Input) float64 {
	long, short := max(in.Width, in.Height), min(in.Width, in.Height)
	return min(float64(b.long)/float64(long), float64(b.short)/float64(short))
}

func (b box) below(in Input) bool  { return b.scale(in) < 1-near } // smaller than the picture
func (b box) within(in Input) bool { return b.scale(in) < 1+near } // not larger than the picture

// A row is a rung of a table: what is the same for every input.
type row struct {
	box          box
	fast         bool // as many pictures as the input has
	video, audio int64
}

// The rungs of each channel type, in bits per second (Amazon IVS Low-Latency
// Streaming, streaming configuration).
const (
	kbps = 1000

	soundOnly = 64 * kbps
	advanced  = 2 * time.Second // between keyframes
)

// Constrained is the preset of advanced channels that asks for fewer bits.
const Constrained = "CONSTRAINED_BANDWIDTH_DELIVERY"

func standardRows(fast bool) []row {
	top := row{box720(), false, 2400 * kbps, 0}
	if fast {
		top = row{box720(), true, 3400 * kbps, 0}
	}
	return []row{
		top,
		{box480(), false, 1400 * kbps, 0},
		{box360(), false, 630 * kbps, 64 * kbps},
		{box160(), false, 230 * kbps, 48 * kbps},
	}
}

func advancedRows(fast, constrained bool) []row {
	if constrained {
		top := row{box720(), false, 1900 * kbps, 128 * kbps}
		if fast {
			top = row{box720(), true, 2200 * kbps, 128 * kbps}
		}
		return []row{top, {box480(), false, 800 * kbps, 128 * kbps}, {box360(), false, 400 * kbps, 64 * kbps}, {box160(), false, 220 * kbps, 48 * kbps}}
	}
	top := row{box720(), false, 2300 * kbps, 128 * kbps}
	if fast {
		top = row{box720(), true, 3000 * kbps, 128 * kbps}
	}
	return []row{top, {box480(), false, 1300 * kbps, 128 * kbps}, {box360(), false, 700 * kbps, 64 * kbps}, {box160(), false, 270 * kbps, 48 * kbps}}
}

// LadderOf returns the renditions that a channel of a type, and of a preset if
// that is advanced, has for an input. No rung is larger than the input; a
// picture smaller than every rung is one as it is.
func LadderOf(t ivs.ChannelType, preset string, in Input) Ladder {
	fast := in.Framerate > slowest
	switch t {
	case ivs.Standard:
		l := Ladder{Source: box720().below(in)}
		l.Rungs = rungs(standardRows(fast), in)
		return l
	case ivs.AdvancedHD:
		rows := advancedRows(fast, preset == Constrained)
		if short := min(in.Width, in.Height); !box720().within(in) && box480().below(in) && short > box480().short {
			rows[0] = advancedRows(false, preset == Constrained)[0] // of the input's own size
			rows[0].box = box{max(in.Width, in.Height), short}
		}
		return Ladder{Rungs: rungs(rows, in), AudioOnly: true, Sound: soundOnly, KeyEvery: advanced}
	case ivs.AdvancedSD:
		rows := advancedRows(fast, preset == Constrained)[1:]
		return Ladder{Rungs: rungs(rows, in), AudioOnly: true, Sound: soundOnly, KeyEvery: advanced}
	default:
		return Ladder{Source: true}
	}
}

func rungs(rows []row, in Input) (out []Rung) {
	for i, r := range rows {
		if r.box.within(in) || i == len(rows)-1 && len(out) == 0 {
			out = append(out, r.rung(in))
		}
	}
	return out
}

// rung fits a row to an input.
func (r row) rung(in Input) Rung {
	halved := !r.fast && in.Framerate > slowest
	g := Rung{Framerate: in.Framerate, Halved: halved, Video: r.video, Audio: r.audio}
	if halved {
		g.Framerate /= 2
	}
	rate := 30
	if r.fast {
		rate = 60
	}
	g.Name = strconv.Itoa(r.box.short) + "p" + strconv.Itoa(rate)
	g.Width, g.Height = r.box.fit(in)
	return g
}

// fit returns the size of a picture in the box: the box's own if the shape is
// about the same, else as large as fits, in even numbers.
func (b box) fit(in Input) (width, height int) {
	scale := min(b.scale(in), 1)
	long, short := max(in.Width, in.Height), min(in.Width, in.Height)
	shape := float64(long) * float64(b.short) / (float64(short) * float64(b.long))
	if scale < 1 && math.Abs(shape-1) < near {
		long, short = b.long, b.short
	} else {
		long, short = even(float64(long)*scale), even(float64(short)*scale)
	}
	if in.Height > in.Width {
		return short, long
	}
	return long, short
}

// even rounds to the nearest even number above 0.
func even(v float64) int { return max(2, 2*int(math.Round(v/2))) }

// Sounds returns the bit rates that audio is made in, each once, the highest
// first. The encoder's own is none of them.
func (l Ladder) Sounds() (rates []int64) {
	for _, g := range l.Rungs {
		rates = append(rates, g.Audio)
	}
	if l.AudioOnly {
		rates = append(rates, l.Sound)
	}
	rates = slices.DeleteFunc(rates, func(r int64) bool { return r == 0 })
	slices.Sort(rates)
	slices.Reverse(rates)
	return slices.Compact(rates)
}
