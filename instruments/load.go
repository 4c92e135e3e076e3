package instruments

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// readDefinition reads one definition file, strictly, and prepares its scores.
// Scores of another instrument (same_as) are joined by the registry.
func readDefinition(text []byte) (*Definition, error) {
	d := new(Definition)
	if err := yaml.UnmarshalWithOptions(text, d, yaml.Strict()); err != nil {
		return nil, err
	}
	if err := d.prepareItems(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", d.ID, d.Version, err)
	}
	for _, s := range d.Scores {
		if s.SameAs != "" {
			continue
		}
		if err := s.prepare(d); err != nil {
			return nil, fmt.Errorf("%s %s: score %s: %w", d.ID, d.Version, s.Column(), err)
		}
	}
	if err := d.choosePrimary(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", d.ID, d.Version, err)
	}
	return d, nil
}

func (d *Definition) prepareItems() error {
	switch {
	case d.ID == "" || d.Version == "" || d.Algorithm == "" || d.Title == "":
		return errors.New("id, version, title and algorithm are required")
	case d.Licence == "" || len(d.Sources) == 0:
		return errors.New("a licence note and a source are required")
	case len(d.Items) == 0 || len(d.Items) > math.MaxUint8:
		return errors.New("want 1 to 255 items")
	case d.Direction == 0:
		return errors.New("direction is required")
	case !slices.Contains([]TickRule{HighestTick, LowestTick, MissingTick}, d.SeveralTicks):
		return errors.New("several_ticks: want highest, lowest or missing")
	case d.StatusFrom != "" && d.StatusFrom != statusFromAll:
		return errors.New("status_from: want all_scores, or nothing for the response's own score")
	case d.Profile < 0 || d.Profile > len(d.Items):
		return errors.New("profile: more digits than items")
	}
	keys, labels := map[string]bool{}, map[string]bool{}
	for i := range d.Items {
		it := &d.Items[i]
		if err := it.prepare(); err != nil {
			return err
		}
		if it.Key == "" || keys[it.Key] || it.Label == "" || labels[it.Label] {
			return fmt.Errorf("item %d: key and label must be there and be its own", i+1)
		}
		keys[it.Key], labels[it.Label] = true, true
		if i < d.Profile && (it.Optional || it.Min < 0 || it.Max >= profileMissing) {
			return fmt.Errorf("item %s: a profile's codes must be single digits below %d", it.Key, profileMissing)
		}
		switch {
		case it.Optional:
			d.Optional++
		case d.Optional > 0:
			return fmt.Errorf("item %s: only trailing items may be optional", it.Key)
		}
	}
	return errors.Join(d.prepareLimits(), d.checkAdminModes(), d.prepareSafety())
}

// prepare computes the codes that an item allows.
func (it *Item) prepare() error {
	scale := 1
	if it.Hundredths {
		scale = hundredths
	}
	low, high := int(it.Min)*scale, int(it.Max)*scale
	switch {
	case it.Min > it.Max || low <= -maxCode || high >= maxCode:
		return fmt.Errorf("item %s: want min ≤ max, and codes below %d in size", it.Key, maxCode)
	case len(it.Words) > 0 && len(it.Words) != levels(*it):
		return fmt.Errorf("item %s: %d words for %d codes", it.Key, len(it.Words), levels(*it))
	}
	it.low, it.high = int16(low), int16(high)
	return nil
}

func (d *Definition) prepareLimits() error {
	for i := range d.Limits {
		l := &d.Limits[i]
		for _, key := range l.Items {
			at, ok := d.ItemIndex(key)
			if !ok {
				return fmt.Errorf("limits: item %s is not in the instrument", key)
			}
			if len(l.index) > 0 && d.Items[at].Hundredths != d.Items[l.index[0]].Hundredths {
				return fmt.Errorf("limits: item %s is in another unit than the others", key)
			}
			l.index = append(l.index, at)
		}
		if len(l.index) == 0 {
			return errors.New("limits: no items")
		}
		if l.most = l.SumAtMost; d.Items[l.index[0]].Hundredths {
			l.most *= hundredths
		}
	}
	return nil
}

func (d *Definition) checkAdminModes() error {
	seen := map[string]bool{}
	for _, m := range d.AdminModes {
		if m.Name == "" || seen[m.Name] {
			return errors.New("admin_modes: each needs a name of its own")
		}
		seen[m.Name] = true
		if m.BlankIs == nil {
			continue
		}
		for _, it := range d.Items {
			if !it.allows(*m.BlankIs) {
				return fmt.Errorf("admin_modes: blank_is of %s is no code of item %s", m.Name, it.Key)
			}
		}
	}
	return nil
}

// prepare fills in the defaults of a score, checks it and builds its scorer.
func (s *Score) prepare(d *Definition) error {
	s.Instrument = d.ID
	if s.Algorithm == "" {
		s.Algorithm = d.Algorithm
	}
	if s.Direction == 0 {
		s.Direction = d.Direction
	}
	if s.ItemKeys == nil {
		for _, it := range d.Items {
			if !it.Optional {
				s.ItemKeys = append(s.ItemKeys, it.Key)
			}
		}
	}
	items, err := s.place(d)
	if err != nil {
		return err
	}
	s.need = len(items) - s.Missing.AtMost
	switch {
	case s.Name == "" || s.Label == "":
		return errors.New("name and label are required")
	case s.Unit < 0:
		return errors.New("unit: want a whole number of units to the point, or 0 for a score without a unit")
	case s.Missing.Then != "" && s.Missing.Then != thenPartial:
		return errors.New("missing: then: want partial, or nothing")
	case s.RecoveredAtMost != nil && s.CaseFrom != nil:
		return errors.New("recovered_at_most and case_from: want one of them")
	case s.Min >= s.Max || math.Abs(s.Min)*float64(s.Unit) > math.MaxInt32 || s.Max*float64(s.Unit) > math.MaxInt32:
		return errors.New("min and max: want min below max, both within 32 bits of units")
	case s.Missing.AtMost < 0 || s.need < 1:
		return errors.New("missing: at_most must leave an item to score")
	}
	if err := s.build(d, items); err != nil {
		return err
	}
	if err := s.prepareBands(); err != nil {
		return err
	}
	return s.checkResponder()
}

// build makes the score's rule for these items.
func (s *Score) build(d *Definition, items []Item) error {
	build, ok := rules[s.Rule]
	if !ok {
		return fmt.Errorf("rule %q is not known", s.Rule)
	}
	var err error
	if s.rule, err = build(s, items); err != nil {
		return fmt.Errorf("rule %s: %w", s.Rule, err)
	}
	switch {
	case s.Unit == 0 && s.rule.units != nil:
		return fmt.Errorf("rule %s: a score of it needs a unit", s.Rule)
	case s.rule.units == nil || s.readsSumsOnly():
		return nil
	}
	for _, m := range d.AdminModes {
		if m.BlankIs != nil {
			return fmt.Errorf("rule %s: it reads single answers, which blank_is of %s does not reach", s.Rule, m.Name)
		}
	}
	return nil
}

// readsSumsOnly says whether the rule works on the sum of the codes alone.
func (s *Score) readsSumsOnly() bool {
	return s.Rule == "sum" || s.Rule == "mean_times_items" || s.Rule == "percent_of_maximum"
}

// place finds the score's items in a definition.
func (s *Score) place(d *Definition) ([]Item, error) {
	var items []Item
	for _, key := range s.ItemKeys {
		at, ok := d.ItemIndex(key)
		if !ok {
			return nil, fmt.Errorf("item %s is not in the instrument", key)
		}
		if slices.Contains(s.index, at) {
			return nil, fmt.Errorf("item %s counts twice", key)
		}
		s.index = append(s.index, at)
		items = append(items, d.Items[at])
	}
	if len(items) == 0 {
		return nil, errors.New("no items")
	}
	return items, nil
}

func (s *Score) prepareBands() error {
	lowest := math.Inf(-1)
	for i, b := range s.Bands {
		last := i == len(s.Bands)-1
		switch {
		case b.Name == "":
			return errors.New("a band has no name")
		case last != (b.UpTo == nil):
			return fmt.Errorf("band %s: every band but the last needs up_to", b.Name)
		case last:
			s.bands = append(s.bands, math.MaxInt32)
		case *b.UpTo <= lowest:
			return fmt.Errorf("band %s: bands must rise", b.Name)
		default:
			lowest = *b.UpTo
			s.bands = append(s.bands, int32(math.Floor(*b.UpTo*float64(s.Unit)+epsilon)))
		}
	}
	return nil
}

func (s *Score) checkResponder() error {
	switch {
	case s.Responder == "none" && s.ResponderReason != "":
		s.Responder = ""
		return nil
	case s.Responder == RespondByPercent,
		s.Responder == RespondByAbsolute && s.MIC != nil,
		s.Responder == RespondByReliableChange && s.MDC != nil:
		if s.ResponderReason == "" {
			return nil
		}
	}
	return errors.New("responder: want pct30, absolute with a mic, reliable_change with an mdc, or none with a responder_reason")
}

func (d *Definition) choosePrimary() error {
	if len(d.Scores) == 0 {
		return errors.New("no scores")
	}
	seen := map[string]bool{}
	d.primary = -1
	for i, s := range d.Scores {
		id := strings.Join([]string{s.Column(), s.Algorithm}, " ")
		if seen[id] {
			return fmt.Errorf("score %s is there twice", s.Column())
		}
		seen[id] = true
		if s.SameAs == "" && !s.Superseded && s.ValueSet == d.DefaultValueSet && d.primary < 0 {
			d.primary = i
		}
	}
	if d.primary < 0 {
		return errors.New("default_value_set: no score that is not superseded has it")
	}
	return nil
}

// adopt makes a score that this definition contains a copy of the instrument's
// own, read from other items.
func (s *Score) adopt(d, owner *Definition) error {
	name, keys := s.Name, s.ItemKeys
	original := owner.Primary()
	if original.Name != name {
		return fmt.Errorf("score %s: %s has no score of that name", name, owner.ID)
	}
	*s = *original
	s.SameAs, s.ItemKeys, s.index = owner.ID, keys, nil
	items, err := s.place(d)
	if err != nil {
		return fmt.Errorf("score %s: %w", name, err)
	}
	if len(items) != len(original.index) {
		return fmt.Errorf("score %s: %d items, %s has %d", name, len(items), owner.ID, len(original.index))
	}
	for i, it := range items {
		if of := owner.Items[original.index[i]]; it.Min != of.Min || it.Max != of.Max {
			return fmt.Errorf("score %s: item %s has other codes than %s", name, it.Key, of.Key)
		}
	}
	// The rule was built for the original's positions: build it again.
	if err := s.build(d, items); err != nil {
		return fmt.Errorf("score %s: %w", name, err)
	}
	return nil
}
