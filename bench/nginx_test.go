package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"openivs/e2e/server"
)

// nginxConfig has nginx-rtmp keep a window of whole segments, in one process.
const nginxConfig = `load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off;
master_process off;
worker_rlimit_nofile 4096;
error_log stderr warn;
pid %[1]s/nginx.pid;
events { worker_connections 2048; }
rtmp {
	access_log off;
	server {
		listen %[2]s;
		chunk_size 4096;
		max_message 4M;
		application live { live on; hls on; hls_path %[1]s/hls; hls_fragment 2s; hls_playlist_length 14s; }
	}
}
`

// nginx starts nginx-rtmp as Debian has it (nginx, libnginx-mod-rtmp). Without
// it, the benchmark is skipped.
func nginx(b *testing.B) target {
	b.Helper()
	const program = "/usr/sbin/nginx" // where Debian has it, outside of most people's PATH
	for _, file := range []string{program, "/usr/lib/nginx/modules/ngx_rtmp_module.so"} {
		if _, err := os.Stat(file); err != nil {
			b.Skip(err)
		}
	}
	dir, address := b.TempDir(), free(b)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, address), 0o600); err != nil {
		b.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "-e", "stderr", "-p", dir, "-c", file)
	cmd.Stderr = &log
	cmd.SysProcAttr = server.Background()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have left by itself, which Wait tells
		if err := cmd.Wait(); err != nil {
			b.Errorf("nginx: %v\n%s", err, log.Bytes())
		}
	}
	for tries := 0; ; tries++ {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			break
		}
		if tries == 100 {
			stop()
			b.Fatalf("nginx does not listen: %v", err)
		}
		wait(b.Context(), 50*time.Millisecond)
	}
	n := 0
	return target{
		pid: cmd.Process.Pid,
		stream: func() (string, string) {
			n++
			return "rtmp://" + address + "/live", "s" + strconv.Itoa(n)
		},
		stop: stop,
	}
}

// free returns an address of the loopback interface that nobody listens on.
func free(b *testing.B) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
