package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"openivs/e2e/server"
)

// TestOBSStudioPublishes runs OBS Studio without a screen, as a person who has entered
// server and stream key and started streaming. tools/soak installs it (Debian's 29).
func TestOBSStudioPublishes(t *testing.T) {
	onlySoak(t)
	s := serve(t)
	ch := s.channel(t)
	display := screen(t)
	home := t.TempDir()
	set := func(name, text string) {
		t.Helper()
		file := filepath.Join(home, "obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service, err := json.Marshal(map[string]any{"type": "rtmp_custom", "settings": map[string]any{"server": s.At.RTMP, "key": ch.key, "use_auth": false, "bwtest": false}})
	if err != nil {
		t.Fatal(err)
	}
	set("global.ini", "[General]\nFirstRun=true\nLastVersion=486539266\nEnableAutoUpdates=false\n[Basic]\nProfile=e2e\nProfileDir=e2e\nSceneCollection=e2e\nSceneCollectionFile=e2e\nConfigOnNewProfile=false\n")
	set("basic/profiles/e2e/basic.ini", "[General]\nName=e2e\n[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSCommon=30\n"+
		"[Output]\nMode=Simple\n[SimpleOutput]\nVBitrate=400\nABitrate=96\nStreamEncoder=x264\nPreset=ultrafast\n[Audio]\nSampleRate=48000\nChannelSetup=Stereo\n")
	set("basic/profiles/e2e/service.json", string(service))
	set("basic/scenes/e2e.json", `{"name":"e2e","current_scene":"Scene","current_program_scene":"Scene","scene_order":[{"name":"Scene"}],`+
		`"sources":[{"id":"scene","versioned_id":"scene","name":"Scene","settings":{"custom_size":false,"id_counter":0,"items":[]}}]}`)
	obs := exec.Command("obs", "--startstreaming", "--minimize-to-tray", "--multi", "--profile", "e2e", "--collection", "e2e")
	obs.Env = append(os.Environ(), "DISPLAY="+display, "XDG_CONFIG_HOME="+home, "HOME="+home, "QT_QPA_PLATFORM=xcb", "LIBGL_ALWAYS_SOFTWARE=1")
	e := encoding(t, obs)
	id := str(ch.live().StreamId)
	in := ch.session(id).IngestConfiguration
	if in.Video.VideoWidth != 640 || in.Video.VideoHeight != 360 || in.Video.TargetFramerate != 30 || in.Video.TargetBitrate != 400_000 ||
		!strings.HasPrefix(str(in.Video.Encoder), "obs-output module (libobs version ") || in.Audio.SampleRate != 48000 || in.Audio.Channels != 2 {
		t.Errorf("the server sees %s", show(t, in))
	}
	if p := ffprobe(t, ch.playback); len(p.Streams) < 2 || p.Streams[0].Width != 640 || p.Streams[1].SampleRate != "48000" {
		t.Errorf("players see %s", show(t, p.Streams))
	}
	e.signal(syscall.SIGTERM)
	e.left(overIn)
	ch.over(id)
	wantTold(t, s.trace(t, id), []string{"metadata      encoder obs-output module", "stream start  ", "disconnected  "})
}

// screen starts an X server that has no screen, and returns its name.
func screen(t *testing.T) string {
	t.Helper()
	x := exec.Command("Xvfb", "-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp")
	x.SysProcAttr = server.Background()
	out, err := x.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = x.Process.Signal(syscall.SIGTERM)
		_ = x.Wait()
	})
	number, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return ":" + strings.TrimSpace(number)
}
