package ingest

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// maxBatchRows closes a batch. Dictionary indices have 16 bits, so it must stay
// well below 65,536; scores may be more, but they use a handful of words.
const maxBatchRows = 50_000

// builder turns prepared records into one Batch. It is used for many batches,
// one after the other.
type builder struct {
	alloc    memory.Allocator
	response *responseTable
	score    *scoreTable
	episode  *episodeTable
	event    *eventTable
	patient  *patientTable
	touched  []record.PatientID
	seen     map[record.PatientID]struct{}
}

func newBuilder(alloc memory.Allocator) *builder {
	return &builder{
		alloc:    alloc,
		response: newResponseTable(alloc),
		score:    newScoreTable(alloc),
		event:    newEventTable(alloc),
		patient:  newPatientTable(alloc),
		seen:     map[record.PatientID]struct{}{},
	}
}

// touch notes that the patient's outcome must be derived again.
func (b *builder) touch(id record.PatientID) {
	if _, ok := b.seen[id]; !ok {
		b.seen[id] = struct{}{}
		b.touched = append(b.touched, id)
	}
}

// add takes all rows of a record.
func (b *builder) add(r *Record) {
	for i := range r.Responses {
		b.addResponse(&r.Responses[i])
	}
	for i := range r.Events {
		b.event.add(&r.Events[i])
	}
	for i := range r.Patients {
		b.patient.add(&r.Patients[i])
		b.touch(r.Patients[i].PatientID)
	}
	for i := range r.Episodes {
		b.episode.add(&r.Episodes[i])
		b.touch(r.Episodes[i].PatientID)
	}
}

// addResponse takes a response and its scores.
func (b *builder) addResponse(v *Response) {
	b.response.add(&v.Response)
	for i, s := range v.Definition.Scores {
		if v.has(i) {
			b.score.add(v, s, &v.scored[i])
		}
	}
	b.touch(v.PatientID)
}

// has says whether the response has a row of its definition's score i. A mapped
// index is derived where age and sex are known, and never stored, nor is what is
// kept for one whose table is not loaded; a part of
// another instrument that a final response lacks it will never have.
func (v *Response) has(i int) bool {
	s := v.Definition.Scores[i]
	return !s.NeedsPerson && !s.Absent() && !(v.Final && v.scored[i].Answered == 0 && s.Instrument != v.Definition.ID)
}

// declare prepares the episode table for the covariates of the records to
// come.
func (b *builder) declare(records []*Record) {
	set := newCovariateSet(records)
	if b.episode != nil && b.episode.has(set) {
		return
	}
	if b.episode != nil {
		b.episode.release()
	}
	b.episode = newEpisodeTable(b.alloc, set)
}

// batch hands the rows over. The caller releases it.
func (b *builder) batch() Batch {
	out := Batch{
		Response: b.response.record(),
		Score:    b.score.record(),
		Event:    b.event.record(),
		Patient:  b.patient.record(),
		Touched:  b.touched,
	}
	if b.episode != nil {
		out.Episode = b.episode.record()
	}
	b.touched = nil
	clear(b.seen)
	return out
}

func (b *builder) release() {
	b.response.release()
	b.score.release()
	b.event.release()
	b.patient.release()
	if b.episode != nil {
		b.episode.release()
	}
}

// Release gives the memory of the batch back.
func (b *Batch) Release() {
	for _, r := range []arrow.Record{b.Response, b.Score, b.Episode, b.Event, b.Patient} {
		if r != nil {
			r.Release()
		}
	}
	*b = Batch{}
}

// Rows is the number of rows in all tables of the batch.
func (b *Batch) Rows() int64 {
	var n int64
	for _, r := range []arrow.Record{b.Response, b.Score, b.Episode, b.Event, b.Patient} {
		if r != nil {
			n += r.NumRows()
		}
	}
	return n
}

type responseTable struct {
	table
	patient                          patientColumn
	id, version, episode, seq        *array.Uint64Builder
	status, precision, reporter      *array.Int8Builder
	source, programme, instrument    *textColumn
	instrumentVersion, provider      *textColumn
	timepoint, admin, mode, language *textColumn
	sourceID, sourceVersion          *array.StringBuilder
	answeredAt, receivedAt           *array.TimestampBuilder
	answeredOn                       dateColumn
	codes, ticks, missing            *array.ListBuilder
	codeValues, tickValues           *array.Int16Builder
	tickLists                        *array.ListBuilder
	missingValues                    *array.StringBuilder
	supplied, predicted              nullableFloat
}

func newResponseTable(alloc memory.Allocator) *responseTable {
	t := &responseTable{table: table{alloc: alloc}}
	t.patient = t.table.patient("patient_id")
	t.id, t.version = t.uint64("response_id"), t.uint64("version")
	t.status = t.enum("status")
	t.source, t.sourceID, t.sourceVersion = t.text("source"), t.string("source_id"), t.string("source_version")
	t.episode = t.uint64("episode_id")
	t.programme, t.instrument, t.instrumentVersion = t.text("programme"), t.text("instrument"), t.text("instrument_version")
	t.provider, t.timepoint = t.text("provider"), t.text("timepoint")
	t.answeredAt, t.answeredOn = t.timestamp("answered_at"), t.date("answered_on", false)
	t.precision = t.enum("answered_precision")
	t.receivedAt = t.timestamp("received_at")
	t.reporter = t.enum("reported_by")
	t.admin, t.mode, t.language = t.text("admin_mode"), t.text("mode"), t.text("language")
	t.codes = t.list("codes", arrow.PrimitiveTypes.Int16, true)
	t.codeValues = t.codes.ValueBuilder().(*array.Int16Builder)
	t.ticks = t.list("ticks", arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int16), false)
	t.tickLists = t.ticks.ValueBuilder().(*array.ListBuilder)
	t.tickValues = t.tickLists.ValueBuilder().(*array.Int16Builder)
	t.missing = t.list("missing_reasons", arrow.BinaryTypes.String, false)
	t.missingValues = t.missing.ValueBuilder().(*array.StringBuilder)
	t.supplied, t.predicted = t.float("supplied_score"), t.float("predicted")
	t.seq = t.uint64("journal_seq")
	return t
}

func (t *responseTable) add(v *record.Response) {
	t.begin()
	t.patient.add(v.PatientID)
	t.id.Append(v.ID)
	t.version.Append(v.Version)
	t.status.Append(int8(v.Status))
	t.source.add(v.Source)
	t.sourceID.Append(v.SourceID)
	t.sourceVersion.Append(v.SourceVersion)
	t.episode.Append(v.EpisodeID)
	t.programme.add(v.Programme)
	t.instrument.add(string(v.Instrument))
	t.instrumentVersion.add(v.InstrumentVersion)
	t.provider.add(v.Provider)
	t.timepoint.add(v.Timepoint)
	t.answeredAt.Append(arrow.Timestamp(v.AnsweredAt.UnixMilli()))
	t.answeredOn.add(v.AnsweredOn)
	t.precision.Append(int8(v.Precision))
	t.receivedAt.Append(arrow.Timestamp(v.ReceivedAt.UnixMilli()))
	t.reporter.Append(int8(v.ReportedBy))
	t.admin.add(v.AdminMode)
	t.mode.add(v.Mode)
	t.language.add(v.Language)
	t.addAnswers(v)
	t.supplied.add(v.SuppliedScore)
	t.predicted.add(v.Predicted)
	t.seq.Append(v.JournalSeq)
}

func (t *responseTable) addAnswers(v *record.Response) {
	t.codes.Append(true)
	for _, c := range v.Codes {
		if c == instruments.Missing {
			t.codeValues.AppendNull()
		} else {
			t.codeValues.Append(c)
		}
	}
	t.ticks.Append(true)
	for _, several := range v.Ticks {
		t.tickLists.Append(true)
		t.tickValues.AppendValues(several, nil)
	}
	t.missing.Append(true)
	t.missingValues.AppendValues(v.MissingReasons, nil)
}

type scoreTable struct {
	table
	patient                    patientColumn
	response, version, episode *array.Uint64Builder
	name, algorithm, valueSet  *textColumn
	programme, timepoint, band *textColumn
	status, reporter           *array.Int8Builder
	answeredAt, receivedAt     *array.TimestampBuilder
	answeredOn                 dateColumn
	units                      *array.Int32Builder
	unit                       *array.Uint32Builder
	value                      *array.Float64Builder
	predicted                  nullableFloat
	answered, items            *array.Uint8Builder
	flags                      *array.ListBuilder
	flagValues                 *array.StringBuilder
}

func newScoreTable(alloc memory.Allocator) *scoreTable {
	t := &scoreTable{table: table{alloc: alloc}}
	t.patient = t.table.patient("patient_id")
	t.response = t.uint64("response_id")
	t.name, t.algorithm, t.valueSet = t.text("score"), t.text("algorithm"), t.text("value_set")
	t.version = t.uint64("version")
	t.status = t.enum("status")
	t.programme = t.text("programme")
	t.episode = t.uint64("episode_id")
	t.timepoint = t.text("timepoint")
	t.answeredAt, t.answeredOn, t.receivedAt = t.timestamp("answered_at"), t.date("answered_on", false), t.timestamp("received_at")
	t.reporter = t.enum("reported_by")
	t.units, t.unit = t.int32("units"), t.uint32("unit")
	t.value, t.predicted = t.float("value").Float64Builder, t.float("predicted")
	t.answered, t.items = t.uint8("n_answered"), t.uint8("n_items")
	t.band = t.text("band")
	t.flags = t.list("flags", arrow.BinaryTypes.String, false)
	t.flagValues = t.flags.ValueBuilder().(*array.StringBuilder)
	return t
}

// add takes one score of a response. A response that does not count (not
// finished, withdrawn) has scores without units, so that they supersede those
// of an earlier version that did. The response's flags stand on its own score.
func (t *scoreTable) add(v *Response, s *instruments.Score, got *instruments.Scored) {
	t.begin()
	t.patient.add(v.PatientID)
	t.response.Append(v.ID)
	t.name.add(s.Name)
	t.algorithm.add(s.Algorithm)
	t.valueSet.add(s.ValueSet)
	t.version.Append(v.Version)
	t.status.Append(int8(scoreStatus(v.Status, got.Status)))
	t.programme.add(v.Programme)
	t.episode.Append(v.EpisodeID)
	t.timepoint.add(v.Timepoint)
	t.answeredAt.Append(arrow.Timestamp(v.AnsweredAt.UnixMilli()))
	t.answeredOn.add(v.AnsweredOn)
	t.receivedAt.Append(arrow.Timestamp(v.ReceivedAt.UnixMilli()))
	t.reporter.Append(int8(v.ReportedBy))
	t.addNumber(s, got, got.Known && v.counts())
	t.flags.Append(true)
	if s == v.Definition.Primary() {
		t.predicted.add(v.Predicted)
		t.flagValues.AppendValues(v.flags, nil)
	} else {
		t.predicted.AppendNull()
	}
	t.answered.Append(got.Answered)
	t.items.Append(got.Items)
}

// addNumber takes the score itself: units where it has a unit, else points.
func (t *scoreTable) addNumber(s *instruments.Score, got *instruments.Scored, known bool) {
	t.unit.Append(uint32(s.Unit))
	switch {
	case !known:
		t.units.AppendNull()
		t.value.AppendNull()
		t.band.add("")
		return
	case s.Unit == 0:
		t.units.AppendNull()
		t.value.Append(got.Value)
	default:
		t.units.Append(got.Units)
		t.value.AppendNull()
	}
	t.band.add(got.Band)
}

func scoreStatus(response record.Status, score instruments.Status) record.ScoreStatus {
	switch response {
	case record.EnteredInError:
		return record.ScoreRetracted
	case record.InProgress, record.Stopped:
		return record.ScoreInsufficient
	}
	return record.ScoreStatus(score)
}
