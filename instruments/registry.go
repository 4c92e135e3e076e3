package instruments

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
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
	columns     []*Score
	byColumn    map[string]*Score
}

// builtIn is read on first use. A definition that does not load is caught by
// the tests before a binary exists.
var builtIn = sync.OnceValue(func() *registry {
	r, err := newRegistry(definitionFiles)
	if err != nil {
		panic("instruments: a built-in definition is broken: " + err.Error())
	}
	return r
})

func newRegistry(files fs.FS) (*registry, error) {
	names, err := fs.Glob(files, "definitions/*.yaml")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	r := &registry{byColumn: map[string]*Score{}}
	digest := sha256.New()
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		d, err := readDefinition(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		fmt.Fprintf(digest, "%s %d\n%s", path.Base(name), len(text), text)
		r.definitions = append(r.definitions, d)
	}
	r.version = hex.EncodeToString(digest.Sum(nil)[:8])
	slices.SortFunc(r.definitions, func(a, b *Definition) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	if err := r.checkVersions(); err != nil {
		return nil, err
	}
	if err := r.joinSharedScores(); err != nil {
		return nil, err
	}
	return r, r.collectColumns()
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
// it belongs to, under that instrument's current version and algorithm.
func (r *registry) collectColumns() error {
	for _, d := range r.definitions {
		for _, s := range d.Scores {
			if !d.Current || s.Instrument != d.ID || s.Algorithm != d.Algorithm {
				continue
			}
			if other, taken := r.byColumn[s.Column()]; taken {
				return fmt.Errorf("%s and %s both have a score %s", other.Instrument, d.ID, s.Column())
			}
			r.byColumn[s.Column()] = s
			r.columns = append(r.columns, s)
		}
	}
	slices.SortFunc(r.columns, func(a, b *Score) int { return cmp.Compare(a.Column(), b.Column()) })
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

// ScoreColumns returns every score of the current definitions, one a column,
// sorted by column. A score that several questionnaires contain stands here
// once, as its own instrument's.
func ScoreColumns() []*Score { return slices.Clone(builtIn().columns) }

// ScoreByColumn returns the score whose column that is.
func ScoreByColumn(column string) (*Score, bool) {
	s, ok := builtIn().byColumn[column]
	return s, ok
}

// ScoresOf returns the scores that are an instrument's own, sorted by column:
// eq5d5l has its indices and not the VAS, which is eqvas's.
func ScoresOf(id ID) []*Score {
	return slices.DeleteFunc(ScoreColumns(), func(s *Score) bool { return s.Instrument != id })
}

// RegistryVersion identifies the contents of all definitions; it changes when
// any of them does.
func RegistryVersion() string { return builtIn().version }
