package arch

import (
	"bufio"
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A source is one Go file of ours.
type source struct {
	name string // path from the root, with slashes
	dir  string
	test bool
	file *ast.File
	set  *token.FileSet
}

// eachFile parses every Go file of ours. Folders of other tools are left out.
func eachFile(t *testing.T, visit func(s source)) {
	t.Helper()
	set := token.NewFileSet()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case d.IsDir() && (base == "testdata" || base == "node_modules" || name == "tools" || len(base) > 1 && base[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		f, err := parser.ParseFile(set, filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		visit(source{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), file: f, set: set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// limitedTo returns who may import a path, if that is limited.
func limitedTo(imp string) (users []string, limited bool) {
	for thing, users := range only {
		if imp == thing || strings.HasSuffix(thing, "/") && strings.HasPrefix(imp+"/", thing) {
			return users, true
		}
	}
	return nil, false
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	eachFile(t, func(s source) {
		if s.test {
			return
		}
		seen[s.dir] = true
		allowed, known := may[s.dir]
		if !known {
			t.Errorf("%s: say in may what package %s imports", s.name, s.dir)
			return
		}
		for _, spec := range s.file.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			users, limited := limitedTo(imp)
			if limited && !slices.Contains(users, s.dir) {
				t.Errorf("%s: only %v may import %s", s.name, users, imp)
			}
			dep, ours := strings.CutPrefix(imp, module)
			if ours && !slices.Contains(allowed, dep) && !slices.Contains(allowed, "*") {
				t.Errorf("%s must not import %s", s.name, dep)
			}
			if ours && strings.HasSuffix(dep, "test") && !strings.HasSuffix(s.dir, "test") {
				t.Errorf("%s imports %s, which is for tests", s.name, dep)
			}
			if first, _, _ := strings.Cut(imp, "/"); !ours && !limited && strings.Contains(first, ".") {
				t.Errorf("%s: say in only who may import %s", s.name, imp)
			}
		}
	})
	for dir := range may {
		if !seen[dir] {
			t.Errorf("may has a line for %s, which does not exist", dir)
		}
	}
}

// TestBudgets holds functions, files and packages to their length.
func TestBudgets(t *testing.T) {
	packages, measured := map[string]int{}, map[string]int{}
	check := func(what string, lines, limit int) {
		if lines <= limit {
			return
		}
		measured[what] = lines
		if allowed := over[what]; lines > allowed {
			t.Errorf("%s has %d lines, at most %d are allowed", what, lines, cmp.Or(allowed, limit))
		}
	}
	eachFile(t, func(s source) {
		if s.test || ast.IsGenerated(s.file) {
			return
		}
		lines := s.set.File(s.file.FileStart).LineCount()
		packages[s.dir] += lines
		check(s.name, lines, maxFile)
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
				check(s.name+" "+f.Name.Name, n, maxFunction)
			}
		}
	})
	for dir, lines := range packages {
		check(dir, lines, maxPackage)
	}
	for what, allowed := range over {
		if measured[what] < allowed {
			t.Errorf("over allows %s %d lines, it has %d: lower the entry or remove it", what, allowed, measured[what])
		}
	}
}

func TestNames(t *testing.T) {
	eachFile(t, func(s source) {
		if name := s.file.Name.Name; slices.Contains(unnamed, strings.TrimSuffix(name, "_test")) {
			t.Errorf("%s: %q says nothing of what the package is for", s.name, name)
		}
	})
}

// TestNothingSleepsOrHides looks for what no linter setting may excuse.
func TestNothingSleepsOrHides(t *testing.T) {
	eachFile(t, func(s source) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && n.Sel.Name == "Sleep" {
					t.Errorf("%s: time.Sleep", s.set.Position(n.Pos()))
				}
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: func init", s.set.Position(n.Pos()))
				}
			}
			return true
		})
	})
}

// TestModules holds go.mod to what the proxy serves: no replacement.
func TestModules(t *testing.T) {
	for _, name := range []string{"go.mod", "tools/go.mod"} {
		for n, line := range lines(t, name) {
			if f := strings.Fields(line); len(f) > 0 && f[0] == "replace" {
				t.Errorf("%s:%d: replace", name, n+1)
			}
		}
	}
}

var ourPath = regexp.MustCompile("(?:`|\\]\\()((?:cmd|internal|docs|e2e|bench|changes|deploy|tools|\\.ci)/[A-Za-z0-9_./-]*|[A-Z]+\\.md|Makefile|openivs\\.example\\.yaml)(?:`|\\))")

// TestDocuments checks that the paths our documents name exist.
func TestDocuments(t *testing.T) {
	files := slices.Clone(documents)
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		for n, line := range lines(t, name) {
			for _, m := range ourPath.FindAllStringSubmatch(line, -1) {
				_, fromRoot := os.Stat(filepath.Join(root, m[1]))
				_, fromHere := os.Stat(filepath.Join(root, path.Dir(name), m[1]))
				if fromRoot != nil && fromHere != nil {
					t.Errorf("%s:%d: %s does not exist", name, n+1, m[1])
				}
			}
		}
	}
}

// lines returns the lines of a file that is named from the root.
func lines(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	in := bufio.NewScanner(f)
	for in.Scan() {
		out = append(out, in.Text())
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
