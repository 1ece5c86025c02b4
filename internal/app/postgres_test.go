package app_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ivs"

	"openivs/internal/app"
	"openivs/internal/store/storetest"
)

func TestAServerOnPostgreSQL(t *testing.T) {
	pg := storetest.Start(t)
	url := pg.Database(t)
	data := t.TempDir()
	s := run(t, settings(t, data, "database", url))
	arn, _ := s.channel(t, "shared")
	log := slog.New(slog.DiscardHandler)

	t.Run("a second server is refused and names the first", func(t *testing.T) {
		other := t.TempDir()
		_, err := app.New(t.Context(), settings(t, other, "database", url), log)
		if err == nil || !strings.Contains(err.Error(), "openivs on ") || !strings.Contains(err.Error(), "pid ") {
			t.Errorf("New = %v, want an error that names the holder", err)
		}
		if _, err := os.Stat(filepath.Join(other, "master.key")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the refused start left a master key behind (%v)", err)
		}
	})

	t.Run("a backup restores into SQLite", func(t *testing.T) {
		target, fresh := filepath.Join(t.TempDir(), "backup"), t.TempDir()
		if _, err := app.Backup(t.Context(), settings(t, data, "database", url), target); err != nil {
			t.Fatal(err)
		}
		if err := app.Restore(t.Context(), settings(t, fresh), target, log); err != nil {
			t.Fatal(err)
		}
		out, err := run(t, settings(t, fresh)).api(t).GetChannel(t.Context(), &ivs.GetChannelInput{Arn: &arn})
		if err != nil || *out.Channel.Name != "shared" {
			t.Errorf("GetChannel = %+v, %v", out, err)
		}
	})

	t.Run("a server that lost its database stops", func(t *testing.T) {
		ended := make(chan error, 1)
		second := settings(t, t.TempDir(), "database", pg.Database(t))
		lost, err := app.New(t.Context(), second, log)
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- lost.Run(t.Context()) }()
		<-lost.Ready()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		pg.Stop()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "not ours any more") {
			t.Errorf("Run = %v, want an error that says why", err)
		}
		if _, err := app.ReadEndpoints(second.Data); !errors.Is(err, app.ErrNotRunning) {
			t.Errorf("endpoints.json is still there (%v)", err)
		}
	})
}
