package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Format is a file format of Write.
type Format string

// Formats.
const (
	Arrow   Format = "arrow"
	Parquet Format = "parquet"
)

// Formats returns every format, the default first.
func Formats() []Format { return []Format{Arrow, Parquet} }

// Options says which programme to invent.
type Options struct {
	Patients int    // one or more; a patient has one episode
	Seed     uint64 // any; another seed is another world
	// Start is the first day of referrals, which come over two years; zero is
	// 1 April 2022. The last answer comes about 40 months after it.
	Start record.Date
	// Live holds back what is answered in the last months, more than holdAfter
	// days after the last referral, for Trickle. By then every treatment has
	// begun.
	Live   bool
	Format Format // of Write; empty is Arrow
}

const (
	referralDays = 730 // days over which referrals come
	holdAfter    = 200 // days after the last referral from which a live programme holds answers back
	maxPatients  = 50_000_000
)

// Generator yields one simulated programme. It is safe for concurrent use.
type Generator struct {
	opts      Options
	start     record.Date
	until     record.Date // answers of this day and later are held back; 0 none
	programme *programme.Programme
	world     world
	versions  map[instruments.ID]string
}

// New prepares a programme. An error says which option is wrong.
func New(o Options) (*Generator, error) {
	if o.Patients < 1 || o.Patients > maxPatients {
		return nil, fmt.Errorf("simulate: patients: must be 1 to %d", maxPatients)
	}
	if o.Format == "" {
		o.Format = Arrow
	}
	if !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("simulate: format: must be one of %v", Formats())
	}
	g := &Generator{opts: o, start: o.Start, programme: programme.Default(), versions: map[instruments.ID]string{}}
	if g.start == 0 {
		g.start = record.NewDate(2022, time.April, 1)
	}
	if g.start < 0 || g.start > record.NewDate(2200, time.January, 1) {
		return nil, fmt.Errorf("simulate: start: must be a day from 1970 to 2200")
	}
	if o.Live {
		g.until = g.start + referralDays + holdAfter
	}
	for _, a := range arms {
		if _, known := g.programme.Intervention(a.key); !known {
			return nil, fmt.Errorf("simulate: programme %s has no intervention %s: simulate knows the effects of its own only", g.programme.ID, a.key)
		}
	}
	for _, id := range pack {
		d, err := instruments.Lookup(id, "")
		if err != nil {
			return nil, fmt.Errorf("simulate: %s: %w", id, err)
		}
		g.versions[id] = d.Version
	}
	g.world = newWorld(o.Seed)
	return g, nil
}
