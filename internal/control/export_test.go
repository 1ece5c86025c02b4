package control

import "context"

// Settle does once what Run does all the time, and waits for it.
func (d *Destinations) Settle(ctx context.Context) {
	creating, err := d.creating(ctx)
	if err != nil {
		panic(err)
	}
	for _, c := range creating {
		d.decide(ctx, c)
	}
}
