package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"strings"
)

// A source is what a package's source code says it does with the generated one.
type source struct {
	generated *types.Package
	methods   map[string]bool // of Plane: the operations that have a handler
	knows     map[string]bool // Type.Field of a generated type that is read, or set in a literal
}

// readSource reads the package in dir, but for its tests, which imports the
// generated one in out. Of all else that it imports nothing needs to be known.
func readSource(dir, out string) (*source, error) {
	s := &source{methods: make(map[string]bool), knows: make(map[string]bool)}
	info := &types.Info{Selections: make(map[*ast.SelectorExpr]*types.Selection), Types: make(map[ast.Expr]types.TypeAndValue)}
	var err error
	if _, s.generated, err = check(out, nil, nil); err != nil {
		return nil, err
	}
	files, _, err := check(dir, info, s.generated)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool { s.see(n, info); return true })
	}
	return s, nil
}

// check parses a package, but for its tests, and finds its types as far as it can:
// of what it imports only the generated package is there.
func check(dir string, info *types.Info, generated *types.Package) ([]*ast.File, *types.Package, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		return nil, nil, fmt.Errorf("no source code in %s: %w", dir, err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	config := types.Config{Importer: only{generated}, Error: func(error) {}} // what is not found is not asked for
	pkg, _ := config.Check(dir, set, files, info)
	return files, pkg, nil
}

// only imports one package, by the last part of its path.
type only struct{ pkg *types.Package }

// Import returns the package.
func (o only) Import(at string) (*types.Package, error) {
	if o.pkg == nil || path.Base(at) != o.pkg.Name() {
		return nil, errors.New("it is not needed")
	}
	return o.pkg, nil
}

func (s *source) see(n ast.Node, info *types.Info) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if receives(n, "Plane") {
			s.methods[n.Name.Name] = true
		}
	case *ast.SelectorExpr:
		if found, ok := info.Selections[n]; ok && found.Kind() == types.FieldVal {
			s.know(found.Recv(), n.Sel.Name)
		}
	case *ast.CompositeLit:
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok {
					s.know(info.TypeOf(n), key.Name)
				}
			}
		}
	}
}

// know notes a field, if it belongs to a type of the generated package.
func (s *source) know(t types.Type, field string) {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if ok && named.Obj().Pkg() == s.generated {
		s.knows[named.Obj().Name()+"."+field] = true
	}
}

func receives(fn *ast.FuncDecl, receiver string) bool {
	if fn.Recv == nil {
		return false
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.Name == receiver
}
