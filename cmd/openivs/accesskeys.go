package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"openivs/internal/app"
	"openivs/internal/iam"
	"openivs/internal/store"
)

type createCredentials struct {
	storeFlags
	Name         string        `placeholder:"NAME" help:"Whose key it is: the user name in ARNs, refusals and audit records (default: the key's id)."`
	Policy       []string      `placeholder:"FILE" sep:"none" help:"JSON policy document with what the key may do; - reads standard input; may be repeated."`
	Managed      []string      `placeholder:"POLICY" help:"Managed policy: ${managed}; may be repeated. Without any policy the key may do everything."`
	Expires      time.Duration `placeholder:"TIME" help:"How long the key works, such as 8h (default: for ever; 12h with --session-token)."`
	SessionToken bool          `help:"Make a temporary key, which works with its session token only, for 15m to 36h."`
}

// Help is for "openivs credentials create --help".
func (createCredentials) Help() string {
	return `Makes an access key and prints it in the form of ~/.aws/credentials. This is the only time that its secret can be seen. A running server accepts it within two seconds.

  openivs credentials create --name ci --managed IVSReadOnlyAccess
  openivs credentials create --name studio-1 --policy studio-1.json
  openivs credentials create --session-token --expires 1h

Policies are written as for AWS: Allow and Deny, Action and Resource with wildcards, conditions on aws:ResourceTag/KEY, aws:RequestTag/KEY and aws:TagKeys. What a policy says and the server would not honour is refused.`
}

// Run makes an access key.
func (c *createCredentials) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	g := app.Grant{Name: c.Name, Policies: c.Managed, For: c.Expires, Token: c.SessionToken}
	for _, file := range c.Policy {
		doc, err := readPolicy(file)
		if err != nil {
			return err
		}
		g.Policies = append(g.Policies, doc)
	}
	k, err := app.CreateAccessKey(ctx, cfg, g)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", owner(k), k.ID, string(k.Secret))
	if k.SessionToken != "" {
		fmt.Fprintln(p.stdout, "aws_session_token =", string(k.SessionToken))
	}
	fmt.Fprintln(p.stderr, "Keep the secret now: it is not shown again.")
	return nil
}

// readPolicy reads a policy document, no more of it than can be one.
func readPolicy(file string) (string, error) {
	f := os.Stdin
	if file != "-" {
		var err error
		if f, err = os.Open(file); err != nil {
			return "", err
		}
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(f, iam.MaxPolicy+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		return "", fmt.Errorf("%s has no policy document: it does not begin with {", file)
	}
	return string(b), nil
}

type listCredentials struct{ storeFlags }

// Run prints all access keys.
func (c *listCredentials) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	keys, err := app.AccessKeys(ctx, cfg)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCESS KEY\tNAME\tSTATE\tCREATED\tEXPIRES\tPOLICIES")
	for _, k := range keys {
		expires := "never"
		if !k.Expires.IsZero() {
			expires = k.Expires.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, owner(k), app.KeyState(k, time.Now()),
			k.Created.UTC().Format(time.RFC3339), expires, strings.Join(app.PolicyNames(k), ", "))
	}
	return w.Flush()
}

func owner(k store.AccessKey) string {
	if k.Name == "" {
		return k.ID
	}
	return k.Name
}

type (
	disableCredentials struct {
		storeFlags
		ID    string `arg:"" name:"access-key" help:"The access key's id."`
		Force bool   `help:"Disable the last key that may do everything, too; the next start of the server makes another."`
	}
	enableCredentials struct {
		storeFlags
		ID string `arg:"" name:"access-key" help:"The access key's id."`
	}
	deleteCredentials struct {
		storeFlags
		ID    string `arg:"" name:"access-key" help:"The access key's id."`
		Force bool   `help:"Delete the last key that may do everything, too; the next start of the server makes another."`
	}
)

// Run turns an access key off.
func (c *disableCredentials) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	return p.changed(app.DisableAccessKey(ctx, cfg, c.ID, true, c.Force), c.ID, "disabled")
}

// Run turns an access key on.
func (c *enableCredentials) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	return p.changed(app.DisableAccessKey(ctx, cfg, c.ID, false, false), c.ID, "enabled")
}

// Run deletes an access key.
func (c *deleteCredentials) Run(ctx context.Context, p *program) error {
	cfg, err := p.load(c.Config, c.flags())
	if err != nil {
		return err
	}
	return p.changed(app.DeleteAccessKey(ctx, cfg, c.ID, c.Force), c.ID, "deleted")
}

// changed says what became of an access key.
func (p *program) changed(err error, id, now string) error {
	if errors.Is(err, app.ErrLastKey) {
		return fmt.Errorf("%s stays: %w; make one first, or give --force", id, err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s is %s; a running server knows within two seconds\n", id, now)
	return err
}
