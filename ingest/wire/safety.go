package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
)

// Answers to safety questions are looked at whatever else is wrong with a row:
// whose it is, which programme, which version, whether it is JSON at all. Of an
// accepted row ingest does so; here stand the rows that never become a response.

// refusedRow is what the safety of a refused row hangs on. Where a field
// stands twice, the last is here and both count as unreadable.
type refusedRow struct {
	Instrument json.RawMessage `json:"instrument"`
	Version    json.RawMessage `json:"instrument_version"`
	Status     json.RawMessage `json:"status"`
	Answers    json.RawMessage `json:"answers"`
	Missing    json.RawMessage `json:"missing"`
}

// flagText flags a refused row of JSON.
func flagText(text []byte, rec *ingest.Record) {
	var r refusedRow
	if json.Unmarshal(text, &r) != nil {
		flagUnreadable(text, rec)
		return
	}
	word := func(raw json.RawMessage) string {
		var v Value
		if len(raw) > 0 {
			v = *valueOf(raw)
		}
		return v.String()
	}
	if word(r.Status) == "entered-in-error" {
		return // it takes back what it says
	}
	id := spelt(word(r.Instrument))
	rec.Flag(safetyFlags(id, word(r.Version), r.Answers, r.Missing)...)
	if slices.ContainsFunc(rec.Reasons, func(why ingest.Reason) bool { return why.Rule == ingest.RuleRepeated }) {
		rec.Flag(instruments.SafetyFlags(id, nil)...)
	}
}

// FlagRow flags a refused row of a table.
func FlagRow(row *Row, rec *ingest.Record) {
	if row.Status == "entered-in-error" || row.Instrument == "" {
		return
	}
	answers := row.Answers
	if answers == nil && row.FromTable {
		answers = appendCodes(nil, row.Codes)
	}
	rec.Flag(safetyFlags(spelt(row.Instrument), row.InstrumentVersion, answers, row.Missing)...)
}

// safetyFlags reads the answers as the version asks, and where it is not known
// or its answers have another form, as SafetyFlags does.
func safetyFlags(id instruments.ID, version string, answers, missing []byte) []string {
	d, err := instruments.Lookup(id, version)
	if err != nil || len(d.Safety) == 0 || len(answers) == 0 {
		return instruments.SafetyFlags(id, answers)
	}
	if len(missing) > 0 {
		text := slices.Concat([]byte(`{"answers":`), answers, []byte(`,"missing":`), missing, []byte(`}`))
		if a, err := d.ParseAdministration(text); err == nil {
			return d.Flags(a)
		}
	}
	if a, err := d.ParseAdministration(slices.Concat([]byte(`{"answers":`), answers, []byte(`}`))); err == nil {
		return d.Flags(a)
	}
	return instruments.SafetyFlags(id, answers)
}

// spelt is the instrument that a sender may mean: PHQ-9 is no id of ours and
// the row is refused, its answers are looked at all the same.
func spelt(name string) instruments.ID {
	return instruments.ID(strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name)))
}

// flagUnreadable flags a text that is no object and names an instrument with
// safety questions.
func flagUnreadable(text []byte, rec *ingest.Record) {
	text = bytes.ToLower(text)
	for _, d := range instruments.All() {
		if d.Current && len(d.Safety) > 0 && bytes.Contains(text, []byte(`"`+d.ID+`"`)) {
			rec.Flag(instruments.SafetyFlags(d.ID, nil)...)
		}
	}
}
