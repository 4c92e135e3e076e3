package catalogue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/record"
)

// Summary is one version of one instrument in a list.
type Summary struct {
	ID instruments.ID `json:"id"`
	Version
	Direction instruments.Direction `json:"direction"`
	Columns   []string              `json:"columns"`
	// Languages are those of the wording packs that are loaded.
	Languages []string `json:"languages"`
	Licence   string   `json:"licence"`
}

// Version tells one version of an instrument from the others.
type Version struct {
	Version   string `json:"version"`
	Current   bool   `json:"current"`
	Title     string `json:"title"`
	Algorithm string `json:"algorithm"`
}

// Instrument is the definition of one version of an instrument, with all that
// is needed to read its scores: the fields are the definition's own, and below
// them is what only an installation knows.
type Instrument struct {
	*definition
	Scores   []Score   `json:"scores"`
	Versions []Version `json:"versions"`
	// Wordings are the packs that are loaded, without their texts.
	Wordings []Wording `json:"wordings"`
	// Wording is the text, where a language was asked for.
	Wording *wording.Pack `json:"wording,omitempty"`
}

// Score is a score's definition. Reasons says, by the key of a threshold, why
// it has none.
type Score struct {
	*score
	// Column is the stem of its columns in the outcome table.
	Column  string            `json:"column"`
	Reasons map[string]string `json:"reasons"`
	// Loaded says of a score that needs a table which is not built in whether
	// this installation has it; nil of every other score.
	Loaded *bool `json:"table_loaded,omitempty"`
}

// The definitions' own types without their methods, so that their fields are
// written as fields of ours.
type (
	definition instruments.Definition
	score      instruments.Score
)

// Wording is a wording pack that is loaded.
type Wording struct {
	Language     string          `json:"language"`
	Licence      wording.Licence `json:"licence"`
	LicenceEnded bool            `json:"licence_ended"`
}

// reasonCategory is why a category has no threshold of change.
const reasonCategory = "category"

// Instruments lists every version of every instrument.
func (c *Catalogue) Instruments() List[Summary] {
	var rows []Summary
	for _, d := range instruments.All() {
		s := Summary{
			ID: d.ID, Version: versionOf(d), Direction: d.Direction, Licence: d.Licence,
			Columns: []string{}, Languages: []string{},
		}
		for _, score := range d.Scores {
			if !score.Superseded {
				s.Columns = append(s.Columns, score.Column())
			}
		}
		for _, p := range c.wordings.Of(d.ID, d.Version) {
			s.Languages = append(s.Languages, p.Language)
		}
		rows = append(rows, s)
	}
	return list(rows, "Items carry neutral topic labels. No questionnaire wording is shipped; a trust loads its own under its licence.")
}

// Instrument returns one version of an instrument, the current one where
// version is empty, and its wording where a language is given.
//
//	no such instrument, version or wording   queries.NotFound
//	the wording's licence has ended          queries.Forbidden
func (c *Catalogue) Instrument(id, version, language string) (*Instrument, error) {
	d, err := instruments.Lookup(instruments.ID(id), version)
	if errors.Is(err, instruments.ErrUnknownInstrument) || errors.Is(err, instruments.ErrUnknownVersion) {
		return nil, &queries.Error{Kind: queries.NotFound, Message: "no such instrument or version: /v1/instruments lists them"}
	}
	if err != nil {
		return nil, err
	}
	out := &Instrument{definition: (*definition)(d), Wordings: []Wording{}}
	for _, s := range d.Scores {
		row := Score{score: (*score)(s), Column: s.Column(), Reasons: reasons(s)}
		if s.NeedsPerson {
			row.Loaded = new(s.Mapping() != nil)
		}
		out.Scores = append(out.Scores, row)
	}
	for _, other := range instruments.All() {
		if other.ID == d.ID {
			out.Versions = append(out.Versions, versionOf(other))
		}
	}
	for _, p := range c.wordings.Of(d.ID, d.Version) {
		out.Wordings = append(out.Wordings, Wording{p.Language, p.Licence, p.Licence.EndedBy(c.today())})
	}
	if language != "" {
		if out.Wording, err = c.show(d, language); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// show returns a wording, or says which there are.
func (c *Catalogue) show(d *instruments.Definition, language string) (*wording.Pack, error) {
	p, err := c.wordings.Show(d.ID, d.Version, language, c.today())
	switch {
	case errors.Is(err, wording.ErrLicenceEnded):
		return nil, &queries.Error{Kind: queries.Forbidden, Message: err.Error() + ": renew it and give the pack its new licence.valid_until"}
	case err == nil:
		return p, nil
	}
	var loaded []string
	for _, p := range c.wordings.Of(d.ID, d.Version) {
		loaded = append(loaded, p.Language)
	}
	there := "there is one in " + strings.Join(loaded, ", ")
	if loaded == nil {
		there = "there is one in no language; none is shipped: a wording pack brings it (instruments.wording_dir)"
	}
	return nil, &queries.Error{Kind: queries.NotFound, Message: fmt.Sprintf("no wording of %s %s in that language: %s", d.ID, d.Version, there)}
}

// today is the calendar day in Europe/London.
func (c *Catalogue) today() time.Time { return record.DateOf(c.now()).Time() }

func versionOf(d *instruments.Definition) Version {
	return Version{Version: d.Version, Current: d.Current, Title: d.Title, Algorithm: d.Algorithm}
}

// reasons says why thresholds of a score are not there.
func reasons(s *instruments.Score) map[string]string {
	out := map[string]string{}
	for _, t := range []struct {
		key    string
		there  bool
		reason string
	}{
		{"mic", s.MIC != nil, instruments.ReasonMICNotEstablished},
		{"det_abs", s.DetAbs != nil, instruments.ReasonMICNotEstablished},
		{"mdc", s.MDC != nil, instruments.ReasonMDCNotEstablished},
		{"responder", s.Responder != "", s.ResponderReason},
	} {
		switch {
		case t.there:
		case s.Nominal:
			out[t.key] = reasonCategory
		default:
			out[t.key] = t.reason
		}
	}
	return out
}
