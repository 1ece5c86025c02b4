package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"time"

	"openivs/internal/ivs"
	"openivs/internal/store/dump"
	"openivs/internal/store/schema"
)

// restoreBatch is how many rows one statement writes, at most 14 values each.
const restoreBatch = 64

// tables returns all tables of the schema but migrations, those that others
// refer to first.
func tables() []dump.Table {
	return []dump.Table{
		dump.NewTable("meta", "name value*"),
		dump.NewTable("counters", "name value#"),
		dump.NewTable("recording_configurations", "id# arn settings tags"),
		dump.NewTable("restriction_policies", "id# arn settings tags"),
		dump.NewTable("ad_configurations", "id# arn settings tags"),
		dump.NewTable("playback_key_pairs", "id# arn fingerprint settings tags"),
		dump.NewTable("channels", "id# arn event_seq# name recording restriction ad_configuration settings tags passphrase*"),
		dump.NewTable("stream_keys", "id# arn channel# lookup* value* tags"),
		dump.NewTable("revocations", "id# channel# viewer version# changed#"),
		dump.NewTable("access_keys", "id name created_us# expires_us# disabled# policies secret*"),
		dump.NewTable("sessions", "id# channel# stream_id created_us# started_us# last_media_us# ingest_ended_us# "+
			"ended_us# has_error# protocol reason snapshot recording ingest causes"),
		dump.NewTable("traces", "session# body"),
		dump.NewTable("ad_breaks", "id# session# break_id start_us# end_us#"),
		dump.NewTable("checkpoints", "stream_id last_media_us#"),
		dump.NewTable("events", "id# session? channel# seq# event_id channel_arn channel_name stream_id type name code detail at_us#"),
		dump.NewTable("sinks", "name event#"),
		dump.NewTable("used_tokens", "name expires_us#"),
		dump.NewTable("dead_letters", "id# sink position# seq# event_id channel type body reason tries# at_us#"),
	}
}

// Backup writes all there is to w, as it is at one moment, while others go on
// working. It works in every mode. Secrets are in it as they are sealed, so it is of
// use only with the master key.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	files, err := schema.Steps()
	if err != nil {
		return err
	}
	if err := db.requireCurrent(ctx, files); err != nil {
		return err
	}
	tx, err := db.read.db.BeginTx(ctx, db.engine.snapshot())
	if err != nil {
		return db.fail("back up", err)
	}
	out := dump.NewWriter(w, len(files), time.Now().UTC())
	for _, t := range tables() {
		if err == nil {
			err = copyTable(ctx, out, tx, t)
		}
	}
	if err = errors.Join(err, out.Close(), tx.Rollback()); err != nil {
		return db.fail("back up", err)
	}
	return nil
}

func copyTable(ctx context.Context, out *dump.Writer, tx *sql.Tx, t dump.Table) error {
	if err := out.Table(t); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, t.Select())
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]any, len(t.Names()))
	dest := make([]any, len(values))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := errors.Join(rows.Scan(dest...), out.Row(values)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Restore reads a backup into an empty database of either engine. It is refused
// if the database holds anything, if the backup is damaged, of another schema or
// sealed under another master key; then nothing has changed. Media sequence numbers
// that were reserved after the backup was made are not reserved again.
func (db *DB) Restore(ctx context.Context, r io.Reader) error {
	files, err := schema.Steps()
	if err != nil {
		return err
	}
	err = db.once(ctx, func(tx *sql.Tx) error {
		if err := clearEmpty(ctx, tx); err != nil {
			return err
		}
		in := &restoring{db: db, tx: tx}
		if err := dump.Read(r, len(files), tables(), func(t dump.Table, row []any) error { return in.row(ctx, t, row) }); err != nil {
			return err
		}
		if err := in.flush(ctx); err != nil {
			return err
		}
		// Which numbers were reserved since the backup was made is not known: fewer than 2^30.
		const skip = `UPDATE counters SET value = value + 1073741824 WHERE name LIKE 'numbers %'`
		if _, err := tx.ExecContext(ctx, skip); err != nil {
			return err
		}
		var proof []byte
		if err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, keyCheck).Scan(&proof); err != nil {
			return dump.Damaged(err)
		}
		return proveKey(db.key, proof)
	})
	if err != nil {
		return db.fail("restore", err)
	}
	db.access.changes.Add(1)
	return db.seedIDs(ctx)
}

// clearEmpty makes room for a backup in a database that has never been used.
func clearEmpty(ctx context.Context, tx *sql.Tx) error {
	for _, t := range tables() {
		if t.Name == "meta" || t.Name == "counters" { // every database has them, and they are in the backup
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+t.Name); err != nil {
				return err
			}
			continue
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+t.Name+` LIMIT 1) AS first`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ivs.Errorf(ivs.Conflict, "the database is not empty, it has %s: restore into a new one", t.Name)
		}
	}
	return nil
}

// restoring gathers rows of one table and writes them together.
type restoring struct {
	db    *DB
	tx    *sql.Tx
	table dump.Table
	rows  int
	args  []any
}

func (r *restoring) row(ctx context.Context, t dump.Table, row []any) error {
	if t.Name != r.table.Name || r.rows == restoreBatch {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.table, r.rows, r.args = t, r.rows+1, append(r.args, row...)
	return nil
}

func (r *restoring) flush(ctx context.Context) error {
	if r.rows == 0 {
		return nil
	}
	_, err := r.tx.ExecContext(ctx, r.table.Insert(r.rows), r.args...)
	r.rows, r.args = 0, r.args[:0]
	if err != nil && ctx.Err() == nil && r.db.engine.fault(err) != faultAway {
		return dump.Damaged(err) // the engine does not take the rows
	}
	return err
}
