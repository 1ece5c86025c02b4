package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// A pool is connections to the database and the statements that were prepared
// on them. Statement texts are constants of this package, so the map is small.
type pool struct {
	db *sql.DB

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

func newPool(db *sql.DB) *pool { return &pool{db: db, stmts: make(map[string]*sql.Stmt)} }

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.stmts {
		errs = append(errs, s.Close())
	}
	clear(p.stmts)
	return errors.Join(append(errs, p.db.Close())...)
}

func (p *pool) statement(ctx context.Context, q string) (*sql.Stmt, error) {
	p.mu.RLock()
	s, ok := p.stmts[q]
	p.mu.RUnlock()
	if ok {
		return s, nil
	}
	s, err := p.db.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first, ok := p.stmts[q]; ok {
		return first, s.Close() //nolint:sqlclosecheck // another goroutine was quicker
	}
	p.stmts[q] = s
	return s, nil
}

// query runs a statement whose text is one of few.
func (p *pool) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(ctx, q) //nolint:sqlclosecheck // the pool closes it
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// queryRow runs a statement whose text is one of few.
func (p *pool) queryRow(ctx context.Context, q string, args ...any) scanner {
	s, err := p.statement(ctx, q) //nolint:sqlclosecheck // the pool closes it
	if err != nil {
		return failed{err}
	}
	return s.QueryRowContext(ctx, args...)
}

// A scanner is a row, of one or of many.
type scanner interface{ Scan(dest ...any) error }

// failed is the row of a statement that could not be prepared.
type failed struct{ err error }

// Scan returns why.
func (f failed) Scan(...any) error { return f.err }
