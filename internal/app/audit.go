package app

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"openivs/internal/api/restjson"
	"openivs/internal/audit"
	"openivs/internal/config"
	"openivs/internal/rotate"
)

// auditLimit is how long the trail may take to write what waits when the server
// stops.
const auditLimit = 5 * time.Second

const auditName = "audit" // in the data directory

// auditor returns what keeps a trail of the API's requests, nil if it is off. The
// trail is written until the last step of stopping but for the database.
func (a *App) auditor(ctx context.Context) func(*restjson.Record) {
	var to io.WriteCloser
	switch a.cfg.Audit.To {
	case config.AuditFile:
		to = &rotate.File{
			Name:    auditName,
			Dir:     cmp.Or(a.cfg.Audit.Dir, filepath.Join(a.cfg.Data, auditName)),
			MaxSize: a.cfg.Audit.Size, Keep: a.cfg.Audit.Files,
		}
	case config.AuditStdout:
		to = stdout{os.Stdout}
	default:
		return nil
	}
	trail := &audit.Trail{
		Region: a.cfg.Region, Account: a.cfg.Account, Errors: a.log,
		Log: &audit.Log{To: to, Errors: a.log},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until its step of the stop
	var writing sync.WaitGroup
	writing.Go(func() { trail.Log.Run(ctx) })
	a.steps.add("write the audit trail", auditLimit, func(context.Context) error {
		cancel()
		writing.Wait()
		return to.Close()
	})
	return trail.Record
}

// stdout is not ours to close.
type stdout struct{ io.Writer }

// Close does nothing.
func (stdout) Close() error { return nil }
