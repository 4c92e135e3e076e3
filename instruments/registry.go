package instruments

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Reasons why a definition is not found.
var (
	ErrUnknownInstrument = errors.New("unknown instrument")
	ErrUnknownVersion    = errors.New("unknown instrument version")
)

//go:embed definitions/*.yaml
var definitionFiles embed.FS

// registry is every definition of a folder.
type registry struct {
	version     string
	definitions []*Definition
	all         []*Score // that outcome has a column for
	columns     []*Score // of them the measured ones
	byColumn    map[string]*Score
}

// sources are the folders that a registry is read from, beside the built-in
// definitions.
type sources struct{ definitions, mappings string }

var (
	configuring sync.Mutex
	configured  sources
	inUse       atomic.Pointer[registry]
)

// builtIn is read on first use. A built-in definition that does not load is
// caught by the tests before a binary exists.
func builtIn() *registry {
	if r := inUse.Load(); r != nil {
		return r
	}
	if err := use(func(*sources) {}); err != nil {
		panic("instruments: a built-in definition is broken: " + err.Error())
	}
	return inUse.Load()
}

// UseDefinitions adds the definition files (*.yaml) of a folder to the built-in
// ones. A file with the id and version of a built-in definition replaces it. It
// is called once, before anything is scored or stored; on an error nothing
// changes.
func UseDefinitions(dir string) error { return use(func(s *sources) { s.definitions = dir }) }

// UseMappings loads the tables of mapped health indices from a folder. It is
// called once, before anything is scored or stored; on an error nothing changes.
func UseMappings(dir string) error { return use(func(s *sources) { s.mappings = dir }) }

func use(change func(*sources)) error {
	configuring.Lock()
	defer configuring.Unlock()
	next := configured
	change(&next)
	folders := []fs.FS{definitionFiles}
	if next.definitions != "" {
		folders = append(folders, flat{os.DirFS(next.definitions)})
	}
	r, err := newRegistry(next.mappings, folders...)
	if err != nil {
		return fmt.Errorf("instruments: %w", err)
	}
	configured = next
	inUse.Store(r)
	return nil
}

// flat is a folder of definitions as the built-in ones lie: in a folder of that
// name.
type flat struct{ fs.FS }

func (f flat) Open(name string) (fs.File, error) {
	return f.FS.Open(strings.TrimPrefix(strings.TrimPrefix(name, "definitions"), "/"))
}

func (f flat) Glob(string) ([]string, error) {
	names, err := fs.Glob(f.FS, "*.yaml")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(f.FS, "."); err != nil {
		return nil, fmt.Errorf("the folder of definitions can not be read: %w", err)
	}
	return names, nil
}

// newRegistry reads every definition of the folders, those of a later folder in
// the place of equal ones of an earlier.
func newRegistry(mappings string, folders ...fs.FS) (*registry, error) {
	r := &registry{byColumn: map[string]*Score{}}
	digest := sha256.New()
	for _, folder := range folders {
		var read []*Definition
		names, err := fs.Glob(folder, "definitions/*.yaml")
		if err != nil {
			return nil, err
		}
		slices.Sort(names)
		for _, name := range names {
			text, err := fs.ReadFile(folder, name)
			if err != nil {
				return nil, err
			}
			d, err := readDefinition(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path.Base(name), err)
			}
			fmt.Fprintf(digest, "%s %d\n%s", path.Base(name), len(text), text)
			read = append(read, d)
		}
		for _, d := range read {
			r.giveWay(d)
		}
		r.definitions = append(r.definitions, read...)
	}
	if mappings != "" {
		if err := r.loadMappings(mappings, digest); err != nil {
			return nil, err
		}
	}
	r.version = hex.EncodeToString(digest.Sum(nil)[:8])
	slices.SortFunc(r.definitions, func(a, b *Definition) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	if err := r.checkVersions(); err != nil {
		return nil, err
	}
	if err := r.checkAlgorithms(); err != nil {
		return nil, err
	}
	if err := r.joinSharedScores(); err != nil {
		return nil, err
	}
	return r, r.collectColumns()
}

// giveWay removes what a definition of a further folder replaces: the same
// version and, where it is current, what was.
func (r *registry) giveWay(to *Definition) {
	r.definitions = slices.DeleteFunc(r.definitions, func(d *Definition) bool { return d.ID == to.ID && d.Version == to.Version })
	for _, d := range r.definitions {
		d.Current = d.Current && (d.ID != to.ID || !to.Current)
	}
}

func (r *registry) checkVersions() error {
	current := map[ID]int{}
	for i, d := range r.definitions {
		if i > 0 && r.definitions[i-1].ID == d.ID && r.definitions[i-1].Version == d.Version {
			return fmt.Errorf("%s %s is defined twice", d.ID, d.Version)
		}
		current[d.ID] += 0
		if d.Current {
			current[d.ID]++
		}
	}
	for id, n := range current {
		if n != 1 {
			return fmt.Errorf("%s has %d current versions, want 1", id, n)
		}
	}
	return nil
}

// checkAlgorithms refuses one name of an algorithm for two ways of scoring:
// outcome takes the scores of one algorithm for each column, whatever version
// of the instrument they came from.
func (r *registry) checkAlgorithms() error {
	type key struct {
		name, valueSet, algorithm string
	}
	seen := map[key]*Score{}
	for _, d := range r.definitions {
		for _, s := range d.Scores {
			if s.SameAs != "" {
				continue
			}
			k := key{s.Name, s.ValueSet, s.Algorithm}
			if other := seen[k]; other != nil && (other.Instrument != d.ID || other.Unit != s.Unit || other.Direction != s.Direction || other.Rule != s.Rule) {
				return fmt.Errorf("%s %s: another definition has a score %s of algorithm %s: name this one otherwise", d.ID, d.Version, s.Name, s.Algorithm)
			}
			seen[k] = s
		}
	}
	return nil
}

func (r *registry) joinSharedScores() error {
	for _, d := range r.definitions {
		for _, s := range d.Scores {
			if s.SameAs == "" {
				continue
			}
			owner, err := r.lookup(s.SameAs, "")
			if err == nil {
				err = s.adopt(d, owner)
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", d.ID, d.Version, err)
			}
		}
	}
	return nil
}

// collectColumns finds the score behind each column: the one of the instrument
// it belongs to, under that instrument's current version and algorithm. A mapped
// index, and what is kept for one, has it only where the table is loaded.
func (r *registry) collectColumns() error {
	for _, d := range r.definitions {
		for _, s := range d.Scores {
			if !d.Current || s.Instrument != d.ID || s.Superseded || s.Absent() {
				continue
			}
			if other, taken := r.byColumn[s.Column()]; taken {
				return fmt.Errorf("%s and %s both have a score %s", other.Instrument, d.ID, s.Column())
			}
			r.byColumn[s.Column()] = s
			r.all = append(r.all, s)
		}
	}
	slices.SortFunc(r.all, func(a, b *Score) int { return cmp.Compare(a.Column(), b.Column()) })
	for _, s := range r.all {
		if s.Measured() {
			r.columns = append(r.columns, s)
		}
	}
	return nil
}

func (r *registry) lookup(id ID, version string) (*Definition, error) {
	known := false
	for _, d := range r.definitions {
		if d.ID != id {
			continue
		}
		if d.Version == version || version == "" && d.Current {
			return d, nil
		}
		known = true
	}
	if known {
		return nil, fmt.Errorf("instruments: %w of %s", ErrUnknownVersion, id)
	}
	return nil, fmt.Errorf("instruments: %w", ErrUnknownInstrument)
}

// All returns every definition, sorted by id and version.
func All() []*Definition { return slices.Clone(builtIn().definitions) }

// Lookup returns one version of an instrument; an empty version is the current
// one. The error is ErrUnknownInstrument or ErrUnknownVersion and names no
// value that came from outside but a known id: a caller quarantines the
// response, it never guesses.
func Lookup(id ID, version string) (*Definition, error) { return builtIn().lookup(id, version) }

// ScoreColumns returns every measured score of the current definitions, one a
// column, sorted by column. A score that several questionnaires contain stands here
// once, as its own instrument's.
func ScoreColumns() []*Score { return slices.Clone(builtIn().columns) }

// ScoreByColumn returns the measured score whose column that is.
func ScoreByColumn(column string) (*Score, bool) {
	s, ok := builtIn().byColumn[column]
	return s, ok && s.Measured()
}

// ScoresOf returns the measured scores that are an instrument's own, sorted by column:
// eq5d5l has its indices and not the VAS, which is eqvas's.
func ScoresOf(id ID) []*Score {
	return slices.DeleteFunc(ScoreColumns(), func(s *Score) bool { return s.Instrument != id })
}

// ColumnsOf returns every score that is an instrument's own and that outcome
// has a column for, nominal ones too, sorted by column.
func ColumnsOf(id ID) []*Score {
	return slices.DeleteFunc(slices.Clone(builtIn().all), func(s *Score) bool { return s.Instrument != id })
}

// RegistryVersion identifies the contents of all definitions; it changes when
// any of them does.
func RegistryVersion() string { return builtIn().version }
