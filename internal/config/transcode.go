package config

import (
	"fmt"
	"runtime"
	"strconv"
)

// A Transcode is how the renditions of streams are made.
type Transcode struct {
	On       bool
	Program  string  // ffmpeg
	Cores    float64 // 0: as many as the machine has
	Overload string  // what becomes of a stream for which there are no cores left: "fail" or "passthrough"
}

// maxCores is beyond what one machine has.
const maxCores = 4096

func howItTranscodes() []Setting {
	return []Setting{
		{
			Name: "transcode", Default: []string{"on"},
			Help: "Whether channels get the renditions of their type, made by ffmpeg: on, or off to pass every stream on as sent.",
			set: func(c *Config, values []string) (wrong, cure string) {
				c.Transcode.On = values[0] == "on"
				return isOneOf("on", "off")(values[0])
			},
		},
		{
			Name: "ffmpeg", Default: []string{"ffmpeg"},
			Help: "ffmpeg 5.1 or newer with libx264: a path, or a name to be found in $PATH.",
			set:  text(func(c *Config) *string { return &c.Transcode.Program }, present),
		},
		{
			Name: "transcode-cores", Default: []string{"auto"},
			Help: "How many cores transcoding may take, such as 6 or 1.5; auto is all that the machine has.",
			set:  setCores,
		},
		{
			Name: "transcode-overload", Default: []string{"fail"},
			Help: "What becomes of a stream for which there are no cores left: fail, with the event Stream Failure, or passthrough, as it was sent.",
			set:  text(func(c *Config) *string { return &c.Transcode.Overload }, isOneOf("fail", "passthrough")),
		},
	}
}

func setCores(c *Config, values []string) (wrong, cure string) {
	if values[0] == "auto" {
		c.Transcode.Cores = float64(runtime.NumCPU())
		return "", ""
	}
	n, err := strconv.ParseFloat(values[0], 64)
	if err != nil || !(n > 0 && n <= maxCores) {
		return fmt.Sprintf("%q is not a number of cores", values[0]), "give a number above 0, such as 4, or auto"
	}
	c.Transcode.Cores = n
	return "", ""
}
