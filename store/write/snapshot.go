package write

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// person is a patient's key, most significant half first.
type person [2]uint64

// personOf reads the key as it travels (Wire).
func personOf(wire []byte) person {
	return person{binary.LittleEndian.Uint64(wire[8:]), binary.LittleEndian.Uint64(wire)}
}

func (p person) less(o person) bool { return p[0] < o[0] || p[0] == o[0] && p[1] < o[1] }

// snapshot is what a derivation knows of some patients: every stored version of
// their scores and episodes. An outcome and its version come from it alone, so
// that they are of one state.
type snapshot struct {
	scores   []scoreRow
	episodes []episodeRow
	// blocks hold all columns of the episodes, in the order of episodeFields;
	// passed are the last of them.
	blocks []arrow.Record
	passed []schema.Column
	words  lexicon
}

// release gives the episodes' columns back.
func (s *snapshot) release() {
	for _, r := range s.blocks {
		r.Release()
	}
	s.blocks = nil
}

// scoreRow is one version of one score.
type scoreRow struct {
	patient                    person
	response, version, episode uint64
	answeredAt                 int64 // milliseconds
	value, predicted           float64
	answeredOn, units          int32
	// score, algorithm and valueSet, programme and timepoint are words.
	score, algorithm, valueSet, programme, timepoint word
	byPatient, hasUnits, hasValue, hasPredicted      bool
}

// episodeRow is one version of an episode: what the rules ask of it. The rest
// stays in its block.
type episodeRow struct {
	patient     person
	id, version uint64
	programme   word
	ageBand     word // as stated; empty where it was not
	block, row  int32
	// Days; the optional ones have a flag.
	referred, contact, start, discharged int32
	hasContact, hasStart, hasDischarged  bool
	inError                              bool
	sex                                  int8
	age                                  uint8
}

// word is a text of a lexicon.
type word uint16

// lexicon numbers the few texts that rows repeat.
type lexicon struct {
	of    map[string]word
	texts []string
}

func (l *lexicon) word(s string) (word, error) {
	if w, known := l.of[s]; known {
		return w, nil
	}
	if len(l.texts) == 1<<16 {
		return 0, fmt.Errorf("more than %d different codes among scores and episodes", len(l.texts))
	}
	if l.of == nil {
		l.of = map[string]word{}
	}
	s = strings.Clone(s)
	w := word(len(l.texts))
	l.of[s], l.texts = w, append(l.texts, s)
	return w, nil
}

func (l *lexicon) text(w word) string { return l.texts[w] }

// words turns a column of codes into words. Neighbours are often equal.
type words struct {
	column *array.String
	last   string
	word   word
	known  bool
}

func (w *words) at(l *lexicon, i int) (word, error) {
	s := w.column.Value(i)
	if w.known && s == w.last {
		return w.word, nil
	}
	var err error
	w.word, err = l.word(s)
	w.last, w.known = s, true
	return w.word, err
}

// scoreFields are what a derivation reads of score.
const scoreFields = `reinterpret(patient_id, 'FixedString(16)') AS patient, response_id, version, episode_id,
  toString(score) AS name, toString(algorithm) AS algorithm_, toString(value_set) AS value_set_, toString(programme) AS programme_, toString(timepoint) AS timepoint_,
  toUnixTimestamp64Milli(answered_at) AS at, toInt32(answered_on) AS day, reported_by = 'patient' AS by_patient, units, value, predicted`

// fixedFields is how many fields of an episode come before those that are passed.
const fixedFields = 12

// episodeFields are what a derivation reads of episode, before the columns that
// are passed on, each of those under its own name.
func episodeFields(passed []schema.Column) string {
	fields := []string{"reinterpret(patient_id, 'FixedString(16)') AS patient", "episode_id", "version", "toInt8(status) AS status_", "toString(programme) AS programme_", "toString(age_band) AS age_band_",
		"toInt32(referred_on) AS referred", "toInt32(first_contact_on) AS contact", "toInt32(treatment_start) AS start", "toInt32(discharged_on) AS discharged", "toInt8(sex) AS sex_", "age"}
	for _, col := range passed {
		name := schema.Quote(col.Name)
		switch col.Kind {
		case schema.Enum:
			name = "toInt8(" + name + ") AS " + name
		case schema.Text:
			name = "toString(" + name + ") AS " + name
		}
		fields = append(fields, name)
	}
	return strings.Join(fields, ", ")
}

// readSnapshot takes the facts of a scope's patients.
func (w *Writer) readSnapshot(ctx context.Context, d *derivation, s scope) (*snapshot, error) {
	// The texts of the two tables have one lexicon: they are read side by side and
	// decoded one after the other.
	var mu sync.Mutex
	out := &snapshot{passed: w.passed(d)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	read := func(table, fields string, each func(arrow.Record) error) {
		wait.Go(func() {
			err := w.eachRecord(ctx, table, "SELECT "+fields+" FROM "+table+" PREWHERE "+s.condition, s.patients, func(rec arrow.Record) error {
				mu.Lock()
				defer mu.Unlock()
				return each(rec)
			})
			if err != nil {
				cancel(err)
			}
		})
	}
	read("score", scoreFields, out.addScores)
	read("episode", episodeFields(out.passed), out.addEpisodes)
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		out.release()
		return nil, err
	}
	return out, nil
}

func (s *snapshot) addScores(rec arrow.Record) error {
	var patient *array.FixedSizeBinary
	var response, version, episode *array.Uint64
	var name, algorithm, valueSet, programme, timepoint words
	var at *array.Int64
	var day, units *array.Int32
	var byPatient *array.Uint8
	var value, predicted *array.Float64
	ok := rec.NumCols() == 15
	if ok {
		typed(rec.Column(0), &patient, &ok)
		typed(rec.Column(1), &response, &ok)
		typed(rec.Column(2), &version, &ok)
		typed(rec.Column(3), &episode, &ok)
		for i, into := range []*words{&name, &algorithm, &valueSet, &programme, &timepoint} {
			typed(rec.Column(4+i), &into.column, &ok)
		}
		typed(rec.Column(9), &at, &ok)
		typed(rec.Column(10), &day, &ok)
		typed(rec.Column(11), &byPatient, &ok)
		typed(rec.Column(12), &units, &ok)
		typed(rec.Column(13), &value, &ok)
		typed(rec.Column(14), &predicted, &ok)
	}
	if !ok {
		return fmt.Errorf("the engine answers with other types than expected: %s", rec.Schema())
	}
	if rows := int(rec.NumRows()); cap(s.scores)-len(s.scores) < rows {
		s.scores = slices.Grow(s.scores, max(rows, len(s.scores)))
	}
	for i := range int(rec.NumRows()) {
		r := scoreRow{
			patient: personOf(patient.Value(i)), response: response.Value(i), version: version.Value(i), episode: episode.Value(i),
			answeredAt: at.Value(i), answeredOn: day.Value(i), byPatient: byPatient.Value(i) != 0,
			hasUnits: units.IsValid(i), hasValue: value.IsValid(i), hasPredicted: predicted.IsValid(i),
		}
		r.units, r.value, r.predicted = units.Value(i), value.Value(i), predicted.Value(i)
		for _, f := range []struct {
			from *words
			into *word
		}{{&name, &r.score}, {&algorithm, &r.algorithm}, {&valueSet, &r.valueSet}, {&programme, &r.programme}, {&timepoint, &r.timepoint}} {
			var err error
			if *f.into, err = f.from.at(&s.words, i); err != nil {
				return err
			}
		}
		s.scores = append(s.scores, r)
	}
	return nil
}

func (s *snapshot) addEpisodes(rec arrow.Record) error {
	var patient *array.FixedSizeBinary
	var id, version *array.Uint64
	var status *array.Int8
	var programme, ageBand words
	var referred, contact, start, discharged *array.Int32
	var sex *array.Int8
	var age *array.Uint8
	ok := rec.NumCols() >= fixedFields
	if ok {
		typed(rec.Column(0), &patient, &ok)
		typed(rec.Column(1), &id, &ok)
		typed(rec.Column(2), &version, &ok)
		typed(rec.Column(3), &status, &ok)
		typed(rec.Column(4), &programme.column, &ok)
		typed(rec.Column(5), &ageBand.column, &ok)
		for i, into := range []**array.Int32{&referred, &contact, &start, &discharged} {
			typed(rec.Column(6+i), into, &ok)
		}
		typed(rec.Column(10), &sex, &ok)
		typed(rec.Column(11), &age, &ok)
	}
	if !ok {
		return fmt.Errorf("the engine answers with other types than expected: %s", rec.Schema())
	}
	rec.Retain()
	s.blocks = append(s.blocks, rec)
	for i := range int(rec.NumRows()) {
		of, err := programme.at(&s.words, i)
		if err != nil {
			return err
		}
		band, err := ageBand.at(&s.words, i)
		if err != nil {
			return err
		}
		s.episodes = append(s.episodes, episodeRow{
			patient: personOf(patient.Value(i)), id: id.Value(i), version: version.Value(i), programme: of, ageBand: band,
			block: int32(len(s.blocks) - 1), row: int32(i), inError: status.Value(i) == int8(record.EpisodeEnteredInError),
			referred: referred.Value(i), contact: contact.Value(i), start: start.Value(i), discharged: discharged.Value(i),
			hasContact: contact.IsValid(i), hasStart: start.IsValid(i), hasDischarged: discharged.IsValid(i),
			sex: sex.Value(i), age: age.Value(i),
		})
	}
	return nil
}
