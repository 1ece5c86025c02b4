package main

import (
	"context"
	"fmt"

	"openivs/internal/app"
)

type credentialsCommand struct {
	Create  createCredentials  `cmd:"" help:"Make an access key and show its secret, once."`
	List    listCredentials    `cmd:"" help:"List the access keys, without their secrets."`
	Disable disableCredentials `cmd:"" help:"Turn an access key off."`
	Enable  enableCredentials  `cmd:"" help:"Turn an access key on again."`
	Delete  deleteCredentials  `cmd:"" help:"Delete an access key."`
	Rekey   rekeyCommand       `cmd:"" help:"Make a new master key and seal all secrets in the database with it, with the server stopped."`
}

type rekeyCommand struct{ storeFlags }

// Help is for "openivs credentials rekey --help".
func (rekeyCommand) Help() string {
	return `Access keys, stream keys and passphrases stay the same; only what keeps them from being read in the database changes. Should it be interrupted, the next start finds out which key is in force.

Backups made before hold the old key, or need the copy of it that was made with them.`
}

// Run changes the master key.
func (c *rekeyCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	if err := app.Rekey(ctx, cfg, app.NewLog(p.stderr, cfg.LogFormat, cfg.LogLevel)); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	_, err = fmt.Fprintln(p.stdout, "new master key in", app.MasterKeyFile(cfg))
	return err
}
