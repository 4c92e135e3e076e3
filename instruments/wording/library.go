package wording

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
)

// Reasons why a wording is not shown.
var (
	// ErrNoWording: no pack of that version and language is loaded.
	ErrNoWording = errors.New("no wording is loaded")
	// ErrLicenceEnded: there is one, and its licence has ended.
	ErrLicenceEnded = errors.New("the licence of the wording has ended")
)

// maxPack is the largest file that is read as a pack.
const maxPack = 1 << 20

// Library is the packs of one folder. It is read-only and safe for concurrent
// use; a nil Library has no packs.
type Library struct{ packs []*Pack }

// Open reads every .yaml and .yml file below a folder; an empty name is a
// library without packs. Names that begin with a dot are left out. Where packs
// are broken there is no library and an error that names each broken file, the
// item and what to do, and repeats no wording.
func Open(dir string) (*Library, error) {
	if dir == "" {
		return new(Library), nil
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("wording packs: %w: give a folder that is there, or leave it empty", err)
	case !info.IsDir():
		return nil, fmt.Errorf("wording packs: %s is no folder: give the folder that holds them", dir)
	}
	return read(os.DirFS(dir))
}

// key is what one pack is the only one of.
type key struct {
	instrument        instruments.ID
	version, language string
}

func read(dir fs.FS) (*Library, error) {
	l, first := new(Library), map[key]string{}
	var broken []error
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(path.Base(name), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) {
			return nil
		}
		p, err := readFile(dir, name)
		if err == nil {
			k := key{p.Instrument, p.Version, strings.ToLower(p.Language)}
			if other, taken := first[k]; taken {
				err = fmt.Errorf("%s %s in %s is there already, in %s: remove one of the two", p.Instrument, p.Version, p.Language, other)
			} else {
				first[k] = name
				l.packs = append(l.packs, p)
			}
		}
		if err != nil {
			broken = append(broken, fmt.Errorf("wording pack %s: %w", name, err))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("wording packs: %w", err)
	}
	if broken != nil {
		return nil, errors.Join(broken...)
	}
	slices.SortFunc(l.packs, func(a, b *Pack) int {
		return cmp.Or(cmp.Compare(a.Instrument, b.Instrument), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Language, b.Language))
	})
	return l, nil
}

func readFile(dir fs.FS, name string) (*Pack, error) {
	// A link in the folder is followed, so the size is asked of the file.
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no ordinary file: take it out of the folder")
	}
	if info.Size() > maxPack {
		return nil, fmt.Errorf("the file is larger than %d bytes: one pack is one version in one language", maxPack)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	return readPack(text)
}

// Packs returns every pack, sorted by instrument, version and language. Their
// texts are for Show alone to hand out.
func (l *Library) Packs() []*Pack {
	if l == nil {
		return nil
	}
	return slices.Clone(l.packs)
}

// Of returns the packs of one version of an instrument, sorted by language.
func (l *Library) Of(id instruments.ID, version string) []*Pack {
	return slices.DeleteFunc(l.Packs(), func(p *Pack) bool { return p.Instrument != id || p.Version != version })
}

// Show returns the pack of a version in a language, on a calendar day. Where
// the language itself has none, its subtags are dropped from the end, as RFC
// 4647 looks up: cy-GB finds cy. The case of the tag does not matter.
//
//	no such pack                  ErrNoWording
//	valid_until is before day     ErrLicenceEnded
func (l *Library) Show(id instruments.ID, version, language string, day time.Time) (*Pack, error) {
	packs := l.Of(id, version)
	for tag := language; tag != ""; tag = tag[:max(0, strings.LastIndexByte(tag, '-'))] {
		for _, p := range packs {
			if !strings.EqualFold(p.Language, tag) {
				continue
			}
			if p.Licence.EndedBy(day) {
				return nil, fmt.Errorf("%w: %s %s in %s was licensed until %s", ErrLicenceEnded, id, version, p.Language, p.Licence.ValidUntil)
			}
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w of %s %s in that language", ErrNoWording, id, version)
}

// EndedBy reports whether the last day of the licence is before day, as the
// calendar of day's own time zone has it.
func (l *Licence) EndedBy(day time.Time) bool {
	return l.ValidUntil != "" && l.ValidUntil < day.Format(time.DateOnly)
}
