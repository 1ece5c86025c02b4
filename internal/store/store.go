// Package store keeps everything the service must remember, in SQLite or in
// PostgreSQL, with one SQL text for both.
//
// It knows keys, uniqueness and transactions and none of the rules of the
// business, which are in packages ivs, control and session; what is live, and
// media of any kind, is not here.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/seal"
	"openivs/internal/store/groupcommit"
	"openivs/internal/store/schema"
)

// A Mode is what an opened database is used for.
type Mode int

// The modes.
const (
	// Owner is the server, of which a database has one at a time. Opening
	// migrates the database.
	Owner Mode = iota
	// Guest works beside the owner: it reads, and it changes access keys.
	Guest
	// Reader works beside the owner and changes nothing.
	Reader
)

// Options say which database to open and how.
type Options struct {
	// URL is sqlite:///path/to/file.db, a path, or postgres://….
	URL string
	// Key is the master key; nil only for a Reader, which then opens no secret.
	Key *seal.Key
	// Mode is Owner unless said.
	Mode Mode
	// Log takes what nobody calls for: that the database is away, and that it
	// is back. nil: nothing is logged.
	Log *slog.Logger
}

// A DB is an open database. Its methods may be called from any goroutine.
//
// Errors carry an ivs.Code: NotFound and Conflict as the methods say, and
// Unavailable when the database cannot be reached or is not ours any more.
type DB struct {
	engine engine
	write  *pool
	read   *pool // the same pool, if the engine needs no second one
	key    *seal.Key
	log    *slog.Logger
	own    ownership
	ids    ids
	away   atomic.Bool
	access accessCache
	bell   bell
	group  *groupcommit.Queue[*sql.Tx] // nil: the engine takes many writers at a time
}

// An engine is what differs between the databases.
type engine interface {
	// schema turns the common text of a migration into the engine's.
	schema(text string) string
	// hasMigrations is a query for how many tables are called migrations.
	hasMigrations() string
	// fault says what an error of the driver means.
	fault(err error) fault
	// snapshot opens a transaction that sees one state of the database.
	snapshot() *sql.TxOptions
}

// An ownership is the right to change a database, until it is lost or released.
type ownership interface {
	lost() <-chan struct{}
	release() error
}

func newDB(e engine, o Options) *DB {
	return &DB{engine: e, key: o.Key, log: o.Log, own: free{}, access: accessCache{reading: make(chan struct{}, 1)}}
}

// free is the ownership of who has none.
type free struct{}

func (free) lost() <-chan struct{} { return nil }
func (free) release() error        { return nil }

// Open opens a database and, for its owner, brings its schema up to date.
//
// It is refused, with nothing changed, if another server owns the database, if
// the schema is newer than this program's, and if the database was sealed with
// another master key.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Key == nil && o.Mode != Reader {
		return nil, errors.New("open the database: a master key is required")
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	db, err := connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := db.prepare(ctx, o.Mode); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	return db, nil
}

func connect(ctx context.Context, o Options) (*DB, error) {
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		return connectPostgres(ctx, o)
	}
	path := strings.TrimPrefix(strings.TrimPrefix(o.URL, "sqlite:"), "//")
	if path == "" || strings.Contains(path, "://") {
		return nil, errors.New("the URL must be sqlite:///path/to/file.db, a path, or postgres://…")
	}
	return connectSQLite(ctx, path, o)
}

// prepare makes the schema and the key agree with the program.
func (db *DB) prepare(ctx context.Context, m Mode) error {
	files, err := schema.Steps()
	if err != nil {
		return err
	}
	switch m {
	case Owner:
		if err := db.refuse(ctx); err != nil {
			return err
		}
		if err := db.migrate(ctx, files); err != nil {
			return err
		}
		if err := db.checkKey(ctx, true); err != nil {
			return err
		}
		return db.seedIDs(ctx)
	case Guest:
		if err := db.requireCurrent(ctx, files); err != nil {
			return err
		}
		return db.checkKey(ctx, false)
	case Reader:
		return nil
	default:
		return fmt.Errorf("mode %d is none", m)
	}
}

// refuse keeps a migration away from a database that another key sealed.
func (db *DB) refuse(ctx context.Context) error {
	at, err := db.version(ctx)
	if err != nil || at == 0 {
		return err
	}
	err = db.checkKey(ctx, false)
	if errors.Is(err, sql.ErrNoRows) { // the first start was cut off before it left its proof
		return nil
	}
	return err
}

// Close releases the database. Statements that still run are cut off.
func (db *DB) Close() error {
	var err error
	if db.read != db.write { // the last of SQLite's to close clears the log away, which a reader may not
		err = db.read.close()
	}
	err = errors.Join(err, db.write.close())
	if err = errors.Join(err, db.own.release()); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Lost is closed when the database is not ours any more although nobody closed
// it: from then on another server may own it, and this one must end. It is nil
// where that cannot happen.
func (db *DB) Lost() <-chan struct{} { return db.own.lost() }

const (
	keyCheck        = "key_check"
	keyCheckPlain   = "openivs"
	keyCheckContext = "meta.value key_check"
)

// checkKey proves that the database was sealed with our master key. Its owner
// leaves the proof when there is none yet.
func (db *DB) checkKey(ctx context.Context, leave bool) error {
	var sealed []byte
	err := db.read.queryRow(ctx, `SELECT value FROM meta WHERE name = $1`, keyCheck).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) && leave {
		return db.tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2)`,
				keyCheck, db.key.Seal([]byte(keyCheckPlain), keyCheckContext))
			return err
		})
	}
	if err != nil {
		return db.fail("read the proof of the master key", err)
	}
	return proveKey(db.key, sealed)
}

func proveKey(key *seal.Key, sealed []byte) error {
	if plain, err := key.Open(sealed, keyCheckContext); err != nil || string(plain) != keyCheckPlain {
		return ivs.Errorf(ivs.Invalid, "the master key is not the one that sealed this database: "+
			"name the right key file with --master-key-file, or put its copy back")
	}
	return nil
}

// ids hands out keys that sort by time: microseconds since 1970, and never the
// same or a smaller one again, whatever the clock does.
type ids struct{ last atomic.Int64 }

func (i *ids) next() int64 {
	for {
		last := i.last.Load()
		id := max(last+1, time.Now().UnixMicro())
		if i.last.CompareAndSwap(last, id) {
			return id
		}
	}
}

// seedIDs makes new keys larger than all that were ever used.
func (db *DB) seedIDs(ctx context.Context) error {
	const q = `SELECT COALESCE(MAX(id), 0) FROM (
		SELECT MAX(id) AS id FROM channels
		UNION ALL SELECT MAX(id) FROM stream_keys
		UNION ALL SELECT MAX(id) FROM recording_configurations
		UNION ALL SELECT MAX(id) FROM restriction_policies
		UNION ALL SELECT MAX(id) FROM ad_configurations
		UNION ALL SELECT MAX(id) FROM playback_key_pairs
		UNION ALL SELECT MAX(id) FROM revocations
		UNION ALL SELECT MAX(id) FROM ad_breaks
		UNION ALL SELECT MAX(id) FROM dead_letters
		UNION ALL SELECT MAX(id) FROM sessions
		UNION ALL SELECT MAX(channel) FROM sessions
		UNION ALL SELECT MAX(channel) FROM events) AS used`
	var last int64
	if err := db.read.queryRow(ctx, q).Scan(&last); err != nil {
		return db.fail("find the newest key", err)
	}
	db.ids.last.Store(last)
	return nil
}

const (
	maxTries  = 8
	firstWait = 2 * time.Millisecond // doubles with each try, and varies
)

// tx runs f in a transaction and commits it if f returns nil. Where another
// transaction was in the way it runs f again, so f must start anew each time. It may
// share the transaction with others that wait.
func (db *DB) tx(ctx context.Context, f func(tx *sql.Tx) error) error {
	run := db.once
	if db.group != nil {
		run = db.group.Do
	}
	for try := 0; ; try++ {
		err := run(ctx, f)
		if err == nil || try == maxTries || db.engine.fault(err) != faultBusy {
			return err
		}
		wait := firstWait << try
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (db *DB) once(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	select {
	case <-db.own.lost():
		return errLost
	default:
	}
	t, err := db.write.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = t.Rollback() // err says more; a broken connection rolls back by itself
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	return t.Commit()
}
