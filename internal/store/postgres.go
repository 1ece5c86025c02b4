package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"openivs/internal/ivs"
	"openivs/internal/lock"
)

const (
	postgresConns  = 16
	connectTimeout = 5 * time.Second
	ownerLock      = 0x6f70656e697673 // "openivs": the number of our advisory lock
	ownerCheck     = 5 * time.Second  // how often the owner asks whether it still is
	ownerPatience  = 5 * time.Second  // how long it waits for the answer
	ownerWait      = "3s"             // how long an owner that goes is waited for
	postgresIdle   = 5 * time.Minute
)

type postgresEngine struct{}

func (postgresEngine) schema(text string) string { return text }

func (postgresEngine) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (postgresEngine) hasMigrations() string {
	return `SELECT COUNT(*) FROM pg_tables WHERE tablename = 'migrations' AND schemaname = ANY (current_schemas(false))`
}

// fault reads SQLSTATE codes (PostgreSQL, appendix A).
func (postgresEngine) fault(err error) fault {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case e.Code == "23505": // unique_violation
			return faultUnique
		case e.Code == "40001", e.Code == "40P01", e.Code == "55P03": // serialization, deadlock, lock timeout
			return faultBusy
		case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"),
			strings.HasPrefix(e.Code, "58"), e.Code == "25006": // connection, resources, shutdown, system, read only
			return faultAway
		default:
			return faultOther
		}
	}
	var dial *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &dial) || errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return faultAway
	}
	return faultOther
}

func connectPostgres(ctx context.Context, o Options) (*DB, error) {
	cfg, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	// A peer that vanished without a word is noticed after about 15 s.
	cfg.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 3,
	}}).DialContext
	cfg.RuntimeParams["application_name"] = lock.Self()
	db := newDB(postgresEngine{}, o)
	if o.Mode == Owner {
		own, err := ownPostgres(ctx, cfg, ownerCheck)
		if err != nil {
			return nil, unreachable(err)
		}
		db.own = own
	}
	conns := stdlib.OpenDB(*cfg)
	conns.SetMaxOpenConns(postgresConns)
	conns.SetMaxIdleConns(postgresConns)
	conns.SetConnMaxIdleTime(postgresIdle)
	if err := conns.PingContext(ctx); err != nil {
		return nil, errors.Join(unreachable(err), conns.Close(), db.own.release())
	}
	db.write = newPool(conns)
	db.read = db.write
	return db, nil
}

// unreachable says so, to whoever starts a program, with all that is known.
func unreachable(err error) error {
	if (postgresEngine{}).fault(err) == faultAway {
		return ivs.Errorf(ivs.Unavailable, "PostgreSQL cannot be reached: %w", err)
	}
	return err
}

// A postgresOwner holds the advisory lock on a connection of its own, for as
// long as that connection lives.
type postgresOwner struct {
	conn  *pgx.Conn
	every time.Duration // how often it asks whether the connection lives
	stop  context.CancelFunc
	gone  chan struct{} // closed when the connection died
	done  chan struct{} // closed when watch has returned
}

// ownPostgres takes the lock. It waits a little for an owner that was killed a
// moment ago: PostgreSQL frees what it held when it notices.
func ownPostgres(ctx context.Context, cfg *pgx.ConnConfig, every time.Duration) (*postgresOwner, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `SET lock_timeout = '`+ownerWait+`'`)
	if err == nil {
		_, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(ownerLock))
	}
	if (postgresEngine{}).fault(err) == faultBusy {
		return nil, errors.Join(postgresHolder(ctx, conn, cfg.Database), conn.Close(ctx))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the database: %w", err), conn.Close(ctx))
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	o := &postgresOwner{conn: conn, every: every, stop: stop, gone: make(chan struct{}), done: make(chan struct{})}
	go o.watch(watching) // release waits for it
	return o, nil
}

// postgresHolder refuses the database, naming who has it.
func postgresHolder(ctx context.Context, conn *pgx.Conn, database string) error {
	const q = `SELECT a.application_name, COALESCE(host(a.client_addr), 'the same host'), a.backend_start
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (l.classid::bigint << 32 | l.objid::bigint) = $1`
	var name, from string
	var since time.Time
	err := conn.QueryRow(ctx, q, int64(ownerLock)).Scan(&name, &from, &since)
	what := "the PostgreSQL database " + database
	if err != nil {
		return lock.Held(what, "") // it went this moment, or we may not see it
	}
	return lock.Held(what, fmt.Sprintf("%s (connected from %s), since %s", name, from, since.UTC().Format(time.RFC3339)))
}

// watch returns when the connection is gone or ctx ends.
func (o *postgresOwner) watch(ctx context.Context) {
	defer close(o.done)
	for {
		// Reading notices a connection that breaks; asking one that went silent.
		wait, cancel := context.WithTimeout(ctx, o.every)
		err := o.conn.PgConn().WaitForNotification(wait)
		cancel()
		if err != nil && !o.conn.IsClosed() && ctx.Err() == nil {
			// An answer that is not waited for would break the connection.
			ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), ownerPatience)
			err = o.conn.Ping(ask)
			cancel()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			close(o.gone)
			return
		}
	}
}

func (o *postgresOwner) lost() <-chan struct{} { return o.gone }

// release frees the lock before it closes the connection, which PostgreSQL
// notices only a while later. Where that fails the connection is broken, and
// the lock goes with it.
func (o *postgresOwner) release() error {
	o.stop()
	<-o.done
	ctx, cancel := context.WithTimeout(context.Background(), ownerPatience)
	defer cancel()
	if !o.conn.IsClosed() {
		_, _ = o.conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(ownerLock)) // see above
	}
	return o.conn.Close(ctx)
}
