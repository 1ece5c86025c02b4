package main

import (
	"context"
	"fmt"

	"openivs/internal/app"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Bring the schema up to date, with the server stopped."`
	Status migrateStatus `cmd:"" default:"withargs" help:"Print how far the schema is (the default)."`
}

// Help is for "openivs migrate --help".
func (migrateCommand) Help() string {
	return `The server migrates its database by itself when it starts; this is for those who want to see or do it apart from that. Migrations go forward only: make a backup first.`
}

type (
	migrateUp     struct{ storeFlags }
	migrateStatus struct{ storeFlags }
)

// Run migrates.
func (c *migrateUp) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	if err := app.Migrate(ctx, cfg, app.NewLog(p.stderr, cfg.LogFormat, cfg.LogLevel)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "the schema is up to date")
	return err
}

// Run prints how far the schema is.
func (c *migrateStatus) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	s, err := app.SchemaStatus(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "the database has schema %d, this program knows %d\n", s.Version, s.Newest)
	for _, step := range s.Pending {
		fmt.Fprintln(p.stdout, "pending:", step)
	}
	return nil
}
