package store

import (
	"context"
	"database/sql"
	"fmt"

	"openivs/internal/seal"
)

// A sealedColumn is one that holds sealed values.
type sealedColumn struct {
	table, column string
	id            string // the column that ends a value's context
	context       string // what the context begins with
	lookup        bool   // the value's hash is kept beside it
}

func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{table: "channels", column: "passphrase", id: "arn", context: passphraseContext},
		{table: "stream_keys", column: "value", id: "arn", context: streamKeyContext, lookup: true},
		{table: "access_keys", column: "secret", id: "id", context: accessKeyContext},
	}
}

// Rekey seals everything anew under another master key, in one transaction.
// Nothing else may use db until it returns; afterwards db works with the new key.
func (db *DB) Rekey(ctx context.Context, to *seal.Key) error {
	err := db.tx(ctx, func(tx *sql.Tx) error {
		for _, c := range sealedColumns() {
			if err := db.rekeyColumn(ctx, tx, c, to); err != nil {
				return fmt.Errorf("%s.%s: %w", c.table, c.column, err)
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE meta SET value = $1 WHERE name = $2`,
			to.Seal([]byte(keyCheckPlain), keyCheckContext), keyCheck)
		return err
	})
	if err != nil {
		return db.fail("change the master key", err)
	}
	db.key = to
	return nil
}

func (db *DB) rekeyColumn(ctx context.Context, tx *sql.Tx, c sealedColumn, to *seal.Key) error {
	type value struct {
		id     string
		sealed []byte
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+c.id+`, `+c.column+` FROM `+c.table)
	values, err := collect(rows, err, func(row scanner) (v value, err error) {
		err = row.Scan(&v.id, &v.sealed)
		return v, err
	})
	if err != nil {
		return err
	}
	for _, v := range values {
		plain, err := db.key.Open(v.sealed, c.context+v.id)
		if err != nil {
			return fmt.Errorf("%s: %w", v.id, err)
		}
		q, args := `UPDATE `+c.table+` SET `+c.column+` = $1`, []any{to.Seal(plain, c.context+v.id), v.id}
		if c.lookup {
			q, args = q+`, lookup = $3`, append(args, to.Hash(string(plain)))
		}
		if _, err := tx.ExecContext(ctx, q+` WHERE `+c.id+` = $2`, args...); err != nil {
			return fmt.Errorf("%s: %w", v.id, err)
		}
	}
	return nil
}
