package main

type configCommand struct{ allFlags }

// Help is for "openivs config --help".
func (configCommand) Help() string {
	return `Prints a configuration file with the settings in force; behind each stands where it comes from. Passwords are hidden.

  openivs config --listen :443 > openivs.yaml`
}

// Run prints the settings.
func (c *configCommand) Run(p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	return cfg.Write(p.stdout)
}
