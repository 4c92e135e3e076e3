package wire

import (
	"strconv"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Converter makes records of rows. One converter reads one source: it counts
// equal records without an identifier.
type Converter struct {
	setting  ingest.Setting
	ordinals *ingest.Ordinals
	fields   ingest.Fields
	named    string                  // the row's programme as sent: ids are made of no default of ours
	looked   *instruments.Definition // whose plain is isPlain
	isPlain  bool
}

// NewConverter starts a source.
func NewConverter(s ingest.Setting) *Converter {
	return &Converter{setting: s, ordinals: ingest.NewOrdinals()}
}

// Convert fills rec from row. What is wrong goes into the record's reasons.
func (c *Converter) Convert(row *Row, rec *ingest.Record) {
	rec.ID = row.Value
	if row.Kind == 0 {
		row.Kind = KindResponse
	}
	checkTexts(row, rec)
	if (row.System == "") != (row.Value == "") || row.Value == "" && withdraws(row) {
		rec.Reject("id", ingest.RuleRequired)
	}
	if row.UpdatedAt.Given() && record.DateOf(row.UpdatedAt.Time) > record.DateOf(c.setting.Now())+1 {
		rec.Reject("updated_at", ingest.RuleInFuture) // no later version could ever win
	}
	subject, ok := c.setting.Subject(rec, row.NHSNumber, row.Pseudonym)
	checkNumber(row, rec)
	if !ok || len(rec.Reasons) > 0 {
		return
	}
	c.named = row.Programme
	var p *programme.Programme
	if row.Kind != KindPatient {
		if p, ok = c.setting.Programme(row.Programme); !ok {
			rec.Reject("programme", ingest.RuleUnknownProgramme)
			return
		}
		row.Programme = p.ID
	}
	switch row.Kind {
	case KindResponse:
		c.response(row, rec, subject)
	case KindEpisode:
		c.episode(row, rec, subject, p)
	case KindEvent:
		c.event(row, rec, subject)
	case KindPatient:
		c.patient(row, rec, subject)
	}
}

// withdraws reports whether the row takes an earlier one back or corrects it,
// which it has to name: a patient does by itself, an episode may by its word.
func withdraws(row *Row) bool {
	switch row.Kind {
	case KindResponse:
		return row.Status == "amended" || row.Status == "entered-in-error"
	case KindEpisode:
		return row.Status == "entered-in-error" && row.Episode == ""
	case KindEvent:
		return row.Status == "entered-in-error"
	}
	return false
}

// checkNumber refuses a text that holds the person's own NHS number: it would be
// kept as it is.
func checkNumber(row *Row, rec *ingest.Record) {
	number, ok := ingest.NHSNumber(row.NHSNumber)
	if !ok {
		return
	}
	for _, t := range texts(row) {
		if len(t.text) >= len(number) && strings.Contains(bare.Replace(t.text), number) {
			rec.Reject(t.name, ingest.RuleHoldsNHSNumber)
		}
	}
}

// bare takes out what an NHS number is written with.
var bare = strings.NewReplacer(" ", "", "-", "")

type namedText struct{ name, text string }

// texts are those of a row's own fields.
func texts(row *Row) [25]namedText {
	return [25]namedText{
		{"id.system", row.System}, {"id.value", row.Value}, {"source_version", row.SourceVersion},
		{"programme", row.Programme}, {"episode", row.Episode}, {"instrument", row.Instrument},
		{"instrument_version", row.InstrumentVersion}, {"admin_mode", row.AdminMode}, {"mode", row.Mode},
		{"language", row.Language}, {"provider", row.Provider}, {"timepoint", row.Timepoint},
		{"intervention", row.Intervention}, {"procedure", row.Procedure}, {"practice", row.Practice},
		{"site", row.Site}, {"icb", row.ICB}, {"region", row.Region}, {"imd_version", row.IMDVersion},
		{"ethnic_group", row.EthnicGroup}, {"type", row.Type}, {"code.system", row.CodeSystem},
		{"code.code", row.Code}, {"ethnic", row.Ethnic}, {"lsoa", row.LSOA},
	}
}

// checkTexts bounds every text of the row.
func checkTexts(row *Row, rec *ingest.Record) {
	for _, t := range texts(row) {
		if t.text != "" {
			rec.CheckText(t.name, t.text)
		}
	}
	for i := range row.Extra {
		if v := &row.Extra[i].Value; v.Kind == Text {
			rec.CheckText(row.Extra[i].Name, v.Text)
		}
	}
}

// identity is what the ids and the version of a row are made of.
type identity struct {
	source, sourceID string
	id               uint64
	content          []byte
	final            bool
}

// identify makes the identity of a row whose fields are collected.
func (c *Converter) identify(row *Row) identity {
	if row.Value != "" {
		return identity{
			source: row.System, sourceID: row.Value, id: record.RowID(row.System, row.Value),
			content: c.fields.Bytes(),
		}
	}
	id := c.ordinals.Identify(c.fields.Bytes())
	return identity{source: Source, id: record.RowID(Source, id.String()), content: id.Content(), final: true}
}

// collect starts the canonical form of a row: the fields that all kinds have.
// The patient stands in it as pseudonym, so that no hash of ours is made of an
// NHS number without the key.
func (c *Converter) collect(row *Row, kind, status string, subject record.PatientID) *ingest.Fields {
	f := &c.fields
	f.Reset()
	f.Add("kind", kind)
	f.AddBytes("patient_pseudonym", subject[:])
	f.Add("id_system", row.System)
	f.Add("id_value", row.Value)
	f.Add("source_version", row.SourceVersion)
	addMoment(f, "updated_at", row.UpdatedAt)
	f.Add("programme", c.named)
	f.Add("episode", row.Episode)
	f.Add("status", status)
	f.Add("provider", row.Provider)
	return f
}

func addMoment(f *ingest.Fields, name string, m Moment) {
	if m.Given() {
		f.AddInt(name, m.Time.UnixMilli()*8+int64(m.Precision))
	}
}

func addFloat(f *ingest.Fields, name string, v *float64) {
	if v != nil {
		f.Add(name, strconv.FormatFloat(*v, 'g', -1, 64))
	}
}

// changed is the moment of the source's last change: as stated, else the day
// that the row is about and the source's version as milliseconds.
func changed(row *Row, about time.Time) time.Time {
	if row.UpdatedAt.Given() {
		return row.UpdatedAt.Time
	}
	if row.SourceVersion == "" {
		return about
	}
	if n, err := strconv.ParseUint(row.SourceVersion, 10, 40); err == nil {
		about = about.Add(time.Duration(n) * time.Millisecond)
	}
	return about
}

// episodeID is the id of an episode by the sender's word for it. It is made
// with the programme, not the sender: who sends the answers is seldom who
// sends the episodes.
func episodeID(row *Row, identifier string) uint64 {
	if identifier == "" {
		return 0
	}
	return record.RowID(row.Programme, identifier)
}

// word looks a word up; an empty one is the given default.
func word[T any](rec *ingest.Record, field, text string, words map[string]T, otherwise T) T {
	if text == "" {
		return otherwise
	}
	v, ok := words[text]
	if !ok {
		rec.Reject(field, ingest.RuleNotAllowed)
	}
	return v
}
