package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"openivs/internal/ivs"
)

const (
	channelColumns    = `id, arn, settings, tags, passphrase`
	openColumns       = `id, arn, settings, tags, NULL` // the same, without what is sealed
	passphraseContext = "channels.passphrase "
)

// CreateChannel stores a channel and its first stream key where there are fewer
// than limit channels. What the channel points to must exist.
func (db *DB) CreateChannel(ctx context.Context, c ivs.Channel, k ivs.StreamKey, limit int) error {
	const q = `INSERT INTO channels (id, arn, event_seq, name, recording, restriction, ad_configuration,
		settings, tags, passphrase) VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9)`
	settings, tags, err := channelJSON(c)
	if err != nil {
		return err
	}
	id := db.ids.next()
	err = db.tx(ctx, func(tx *sql.Tx) error {
		if err := refer(ctx, tx, ivs.Channel{}, c); err != nil {
			return err
		}
		if err := count(ctx, tx, channelTable, limit); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, q, id, c.ARN.String(), c.Name, c.Recording.String(), c.Restriction.String(),
			c.AdConfiguration.String(), settings, tags, db.sealPassphrase(c))
		if err != nil {
			return err
		}
		return db.insertStreamKey(ctx, tx, id, k)
	})
	return db.done("create "+c.ARN.String(), err)
}

// Channel returns a channel.
func (db *DB) Channel(ctx context.Context, arn ivs.ARN) (ivs.Channel, error) {
	const q = `SELECT ` + channelColumns + ` FROM channels WHERE arn = $1`
	_, c, err := db.scanChannel(db.read.queryRow(ctx, q, arn.String()))
	return c, db.found(channelName, arn.String(), err)
}

// ChannelsByARN returns those of the channels that exist.
func (db *DB) ChannelsByARN(ctx context.Context, arns []ivs.ARN) ([]ivs.Channel, error) {
	const q = `SELECT ` + channelColumns + ` FROM channels WHERE arn IN `
	if len(arns) == 0 {
		return nil, nil
	}
	rows, err := db.read.db.QueryContext(ctx, q+list(len(arns)), texts(arns)...)
	out, err := collect(rows, err, func(row scanner) (ivs.Channel, error) {
		_, c, err := db.scanChannel(row)
		return c, err
	})
	return out, db.done("read channels", err)
}

// Channels lists channels by creation, the oldest first, without their passphrases.
func (db *DB) Channels(ctx context.Context, f ivs.ChannelFilter, after int64, limit int) (ivs.Page[ivs.Channel], error) {
	const begin = `SELECT ` + openColumns + ` FROM channels WHERE id > $1`
	const end = ` ORDER BY id LIMIT $2`
	q, args := begin+end, []any{after, limit + 1}
	switch {
	case f.Name != nil:
		q, args = begin+` AND name = $3`+end, append(args, *f.Name)
	case f.Recording != "":
		q, args = begin+` AND recording = $3`+end, append(args, f.Recording)
	case f.Restriction != "":
		q, args = begin+` AND restriction = $3`+end, append(args, f.Restriction)
	case f.AdConfiguration != "":
		q, args = begin+` AND ad_configuration = $3`+end, append(args, f.AdConfiguration)
	}
	rows, err := db.read.query(ctx, q, args...)
	page, err := collectPage(rows, err, limit, db.scanChannel)
	return page, db.done("list channels", err)
}

// UpdateChannel reads, changes and writes a channel in one transaction. change
// may be called more than once, each time with the channel as it then is.
func (db *DB) UpdateChannel(ctx context.Context, arn ivs.ARN, change func(c *ivs.Channel, live bool) error) (ivs.Channel, error) {
	const q = `UPDATE channels SET name = $1, recording = $2, restriction = $3, ad_configuration = $4,
		settings = $5, tags = $6, passphrase = $7 WHERE id = $8`
	var c ivs.Channel
	err := db.tx(ctx, func(tx *sql.Tx) error {
		var id int64
		var live bool
		var err error
		if id, c, live, err = db.lockChannel(ctx, tx, arn); err != nil {
			return err
		}
		before := c
		if err := change(&c, live); err != nil {
			return err
		}
		if err := refer(ctx, tx, before, c); err != nil {
			return err
		}
		settings, tags, err := channelJSON(c)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, q, c.Name, c.Recording.String(), c.Restriction.String(), c.AdConfiguration.String(),
			settings, tags, db.sealPassphrase(c), id)
		return err
	})
	return c, db.found(channelName, arn.String(), err)
}

// DeleteChannel deletes a channel and its stream keys, if allow lets it; allow
// may be called more than once. Its sessions stay until they are forgotten, but
// cannot be asked for any more.
func (db *DB) DeleteChannel(ctx context.Context, arn ivs.ARN, allow func(live bool) error) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		id, _, live, err := db.lockChannel(ctx, tx, arn)
		if err != nil {
			return err
		}
		if err := allow(live); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM channels WHERE id = $1`, id) // and, by cascade, its keys
		if err != nil {
			return err
		}
		return uncount(ctx, tx, channelTable)
	})
	return db.found(channelName, arn.String(), err)
}

// lockChannel reads a channel and keeps others from changing it, and from
// opening a session on it, until tx ends. The update is what locks: it is the
// one form of that which both engines have.
func (db *DB) lockChannel(ctx context.Context, tx *sql.Tx, arn ivs.ARN) (id int64, c ivs.Channel, live bool, err error) {
	const lock = `UPDATE channels SET arn = arn WHERE arn = $1 RETURNING ` + channelColumns
	id, c, err = db.scanChannel(tx.QueryRowContext(ctx, lock, arn.String()))
	if err != nil {
		return 0, c, false, err
	}
	var n int
	err = tx.QueryRowContext(ctx, liveSQL, id).Scan(&n)
	return id, c, n > 0, err
}

// channelJSON returns a channel's settings and its tags. Secrets are in neither.
func channelJSON(c ivs.Channel) (settings, tags string, err error) {
	tags, err = tagsJSON(c.Tags)
	if err != nil {
		return "", "", err
	}
	c.Tags = nil
	b, err := json.Marshal(c)
	if err != nil {
		return "", "", fmt.Errorf("encode %s: %w", c.ARN, err)
	}
	return string(b), tags, nil
}

func (db *DB) sealPassphrase(c ivs.Channel) []byte {
	return db.key.Seal([]byte(string(c.SRTPassphrase)), passphraseContext+c.ARN.String())
}

// scanChannel reads channelColumns or openColumns.
func (db *DB) scanChannel(row scanner) (int64, ivs.Channel, error) {
	var id int64
	var arn string
	var settings, tags, sealed []byte
	if err := row.Scan(&id, &arn, &settings, &tags, &sealed); err != nil {
		return 0, ivs.Channel{}, err
	}
	var c ivs.Channel
	if err := json.Unmarshal(settings, &c); err != nil {
		return 0, c, fmt.Errorf("decode %s: %w", arn, err)
	}
	if err := json.Unmarshal(tags, &c.Tags); err != nil {
		return 0, c, fmt.Errorf("decode the tags of %s: %w", arn, err)
	}
	if sealed == nil {
		return id, c, nil
	}
	plain, err := db.key.Open(sealed, passphraseContext+arn)
	if err != nil {
		return 0, c, fmt.Errorf("open the passphrase of %s: %w", arn, err)
	}
	c.SRTPassphrase = ivs.Secret(plain)
	return id, c, nil
}

const (
	channelName   = "channel"
	streamKeyName = "stream key"
	sessionName   = "stream session"
	accessKeyName = "access key"
	resourceName  = "resource"
)

// found ends an operation on one thing: where nothing was read, there is none.
func (db *DB) found(kind, id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ivs.Errorf(ivs.NotFound, "%s %s does not exist", kind, id)
	}
	return db.done(kind+" "+id, err)
}

// done ends an operation.
func (db *DB) done(doing string, err error) error {
	if err != nil {
		return db.fail(doing, err)
	}
	db.worked()
	return nil
}

// collect reads all rows of a query, given what the query returned.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// collectPage reads a page of a query that asked for one row more than limit.
func collectPage[T any](rows *sql.Rows, err error, limit int, scan func(scanner) (int64, T, error)) (ivs.Page[T], error) {
	var page ivs.Page[T]
	var ids []int64
	items, err := collect(rows, err, func(row scanner) (T, error) {
		id, v, err := scan(row)
		ids = append(ids, id)
		return v, err
	})
	if err != nil {
		return page, err
	}
	page.Items = items
	if len(items) > limit {
		page.Items, page.Next = items[:limit], ids[limit-1]
	}
	return page, nil
}

// list returns ($1, … $n).
func list(n int) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

func texts(arns []ivs.ARN) []any {
	out := make([]any, len(arns))
	for i, a := range arns {
		out[i] = a.String()
	}
	return out
}
