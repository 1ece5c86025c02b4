package restjson

import (
	"context"
	"slices"
)

// An Operation is one call of an API: where it is, what success looks like and
// which exceptions it models. NewOperation makes it callable.
type Operation struct {
	Name    string
	Method  string
	Path    string   // may end in one {label}, which takes the rest of the path
	Status  int      // of success; 204 has no body
	Headers bool     // a success has the protocol's header set, as faults do
	Errors  []string // the exceptions it models

	serve func(ctx context.Context, x *exchange, admit admitFunc) error
}

// admitFunc says whether a request that is well formed may go on.
type admitFunc func(ctx context.Context, operation string, in any) error

// A Codec is what is generated for the input and output of one operation.
type Codec[In, Out any] struct {
	Decode   func(*Decoder, *In)
	Validate func(*In) *Violation
	Encode   func([]byte, *Out) []byte
}

// NewOperation joins an operation with its codec and with what carries it out.
func NewOperation[In, Out any](o Operation, c Codec[In, Out], do func(context.Context, *In) (*Out, error)) Operation {
	o.serve = func(ctx context.Context, x *exchange, admit admitFunc) error {
		in := new(In)
		c.Decode(&x.decoder, in)
		x.decoder.finish()
		if x.decoder.again() { // what is wrong may be given once more, and the last counts
			in = new(In)
			c.Decode(&x.decoder, in)
			x.decoder.finish()
		}
		if err := x.decoder.fault(o.Name); err != nil {
			return err
		}
		x.input = in
		if v := c.Validate(in); v != nil {
			return v.fault(o.Name)
		}
		if err := admit(ctx, o.Name, in); err != nil {
			return err
		}
		out, err := do(ctx, in)
		if err != nil {
			return err
		}
		if out == nil {
			out = new(Out)
		}
		x.output = out
		x.answer = c.Encode(x.answer[:0], out)
		return nil
	}
	return o
}

// Models reports whether the operation lists an exception.
func (o *Operation) Models(exception string) bool { return slices.Contains(o.Errors, exception) }
