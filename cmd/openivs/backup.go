package main

import (
	"context"
	"fmt"

	"openivs/internal/app"
)

type backupCommand struct {
	storeFlags
	Target string `arg:"" name:"dir" help:"Directory to write to; it has to be empty or not there."`
}

// Help is for "openivs backup --help".
func (backupCommand) Help() string {
	return `Writes a consistent copy of the database, the master key, the certificates and the credentials file. The server may run meanwhile. What is in the directory opens every secret of the server: keep it as you keep those.

  openivs backup /backups/$(date +%F)

A master key that --master-key-file keeps elsewhere is not part of it: copy that too. Neither is openivs.yaml.`
}

// Run makes a backup.
func (c *backupCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	withKey, err := app.Backup(ctx, cfg, c.Target)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	fmt.Fprintln(p.stdout, "backup written to", c.Target)
	if !withKey {
		fmt.Fprintln(p.stdout, "the master key is not in it: keep a copy of", cfg.MasterKeyFile)
	}
	return nil
}

type restoreCommand struct {
	storeFlags
	Source string `arg:"" name:"dir" type:"existingdir" help:"Directory that openivs backup wrote."`
}

// Help is for "openivs restore --help".
func (restoreCommand) Help() string {
	return `Puts a backup into a data directory and a database that are empty; both engines take each other's backups. A backup that is damaged or incomplete changes nothing.

  openivs restore /backups/2026-11-22 --data ./openivs-data`
}

// Run restores a backup.
func (c *restoreCommand) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	if err := app.Restore(ctx, cfg, c.Source, app.NewLog(p.stderr, cfg.LogFormat, cfg.LogLevel)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = fmt.Fprintln(p.stdout, "restored into", cfg.Data)
	return err
}
