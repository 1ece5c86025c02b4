package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"openivs/e2e/server"
)

// What the demo sends.
const (
	width, height = 1280, 720
	framerate     = 30
	videoKilobits = 2000
	audioKilobits = 128
	sampleRate    = 48000
	audioChannels = 2
)

const quitIn = 10 * time.Second

// An encoder is ffmpeg, publishing a test source.
type encoder struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	err    error // of Wait; set before exited is closed
}

func startEncoder(url, log string) (*encoder, error) {
	rate := fmt.Sprintf("%dk", videoKilobits)
	e := &encoder{log: log, exited: make(chan struct{}), cmd: exec.Command(
		"ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-re",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", width, height, framerate),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:sample_rate=%d", sampleRate),
		"-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-level:v", "3.1", "-pix_fmt", "yuv420p",
		"-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-g", strconv.Itoa(framerate), "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", fmt.Sprintf("%dk", audioKilobits), "-ac", strconv.Itoa(audioChannels),
		"-f", "flv", url,
	)}
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	e.cmd.Stdout, e.cmd.Stderr = f, f
	e.cmd.SysProcAttr = server.Background()
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (make setup installs it)", err)
	}
	go func() {
		e.err = e.cmd.Wait()
		close(e.exited)
	}()
	return e, nil
}

// quit has ffmpeg take leave of the server.
func (e *encoder) quit() {
	_ = e.cmd.Process.Signal(os.Interrupt) // it may have left already
	select {
	case <-e.exited:
	case <-time.After(quitIn):
		e.kill()
	}
}

// kill ends ffmpeg if it still runs.
func (e *encoder) kill() {
	_ = e.cmd.Process.Kill() // it may have left already
	<-e.exited
}

// lastWords is the end of ffmpeg's log, without the stream key.
func (e *encoder) lastWords() string {
	b, err := os.ReadFile(e.log)
	if err != nil {
		return err.Error()
	}
	url := e.cmd.Args[len(e.cmd.Args)-1]
	return strings.ReplaceAll(string(b), url[strings.LastIndexByte(url, '/')+1:], "STREAM_KEY")
}
