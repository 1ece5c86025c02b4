package main

// serviceFile declares what implements the API, and what answers for the
// operations that nothing implements.
func serviceFile(p *plan) *file {
	f := newFile("context", "", "openivs/internal/api/restjson")
	f.line("\n// A Service has the operations. Inputs have been decoded and validated.")
	f.line("// Optional members are pointers, nil if absent; a nil list or map is absent")
	f.line("// and an empty one is not. An error is a restjson.Fault or what the handler's")
	f.line("// Fault makes one of. A nil output with a nil error is an empty answer.")
	f.line("type Service interface {")
	for _, c := range p.operations {
		f.line("%s(ctx context.Context, in *%s) (*%s, error)", c.name, c.in, c.out)
	}
	f.line("}")
	f.line("\n// Unimplemented has every operation and answers that it is not available. A")
	f.line("// Service embeds it and defines the operations it has.")
	f.line("type Unimplemented struct{}")
	f.line("\nvar _ Service = Unimplemented{}")
	for _, c := range p.operations {
		f.line("\n// %s is not available.", c.name)
		f.line("func (Unimplemented) %s(context.Context, *%s) (*%s, error) {", c.name, c.in, c.out)
		f.line("return nil, restjson.NotAvailable(%q)\n}", c.name)
	}
	return f
}
