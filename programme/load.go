package programme

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed files/*.yaml
var files embed.FS

// builtIn reads the programmes of the binary once; that they are valid is held
// by a test, so a failure here is impossible.
var builtIn = sync.OnceValue(func() []*Programme {
	dir, err := fs.Sub(files, "files")
	if err != nil {
		panic(err)
	}
	list, err := read(dir)
	if err != nil {
		panic(err)
	}
	return list
})

// All returns the built-in programmes, the default one first, then by id. They
// are shared: do not change them.
func All() []*Programme { return slices.Clone(builtIn()) }

// Lookup returns the built-in programme of that id.
func Lookup(id string) (*Programme, bool) {
	for _, p := range builtIn() {
		if p.ID == id {
			return p, true
		}
	}
	return nil, false
}

// Default returns the programme that a question without one is about.
func Default() *Programme { return builtIn()[0] }

// Load reads every *.yaml file of a folder as a further programme. The answer
// holds only these. An error names the file, the field and what is wrong; an id
// that a built-in programme has, or a second default, is refused.
func Load(dir fs.FS) ([]*Programme, error) {
	list, err := read(dir)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if _, taken := Lookup(p.ID); taken {
			return nil, fmt.Errorf("programme: %s is built in: give the programme of your file another id", p.ID)
		}
		if p.Default {
			return nil, fmt.Errorf("programme: %s: default: %s is the default programme already: remove the field", p.ID, Default().ID)
		}
	}
	return list, nil
}

// read parses and checks the files of a folder, default first, then by id.
func read(dir fs.FS) ([]*Programme, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("programme: %w", err)
	}
	var list []*Programme
	seen := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("programme: %w", err)
		}
		p, err := Parse(name, text)
		if err != nil {
			return nil, err
		}
		if other, twice := seen[p.ID]; twice {
			return nil, fmt.Errorf("programme: %s: programme: %s has this id too", name, other)
		}
		seen[p.ID] = name
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Programme) int {
		if a.Default != b.Default {
			if a.Default {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	if len(list) > 1 && list[1].Default {
		return nil, fmt.Errorf("programme: %s and %s are both default: keep one", list[0].ID, list[1].ID)
	}
	return list, nil
}

// Parse reads one programme file. Unknown and repeated fields are refused;
// every problem found is in the error, each with file and field.
func Parse(name string, text []byte) (*Programme, error) {
	var p Programme
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(&p); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("programme: %s: the file is empty", path.Base(name))
		}
		line := strings.ReplaceAll(strings.TrimSpace(yaml.FormatError(err, false, false)), "\n", " ")
		return nil, fmt.Errorf("programme: %s: %s", path.Base(name), line)
	}
	if err := d.Decode(new(Programme)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("programme: %s: more than one document: one file holds one programme", path.Base(name))
	}
	if problems := p.check(); len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, problem := range problems {
			errs[i] = fmt.Errorf("programme: %s: %s", path.Base(name), problem)
		}
		return nil, errors.Join(errs...)
	}
	return &p, nil
}
