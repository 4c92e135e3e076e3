package ingest

import (
	"github.com/apache/arrow/go/v17/arrow"
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
	touched  touched // whose outcome must be derived again
}

func newBuilder(alloc memory.Allocator) *builder {
	return &builder{
		alloc:    alloc,
		response: newResponseTable(alloc),
		score:    newScoreTable(alloc),
		event:    newEventTable(alloc),
		patient:  newPatientTable(alloc),
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
		b.touched.add(r.Patients[i].PatientID)
	}
	for i := range r.Episodes {
		b.episode.add(&r.Episodes[i])
		b.touched.add(r.Episodes[i].PatientID)
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
	b.touched.add(v.PatientID)
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
func (b *builder) declare(records []*Record) { b.want(newCovariateSet(records)) }

// want prepares the episode table for a set of covariates.
func (b *builder) want(set covariateSet) {
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
		Touched:  b.touched.taken(),
	}
	if b.episode != nil {
		out.Episode = b.episode.record()
	}
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
	id, version, episode, seq        *numbers[uint64]
	status, precision, reporter      *numbers[int8]
	source, programme, instrument    *textColumn
	instrumentVersion, provider      *textColumn
	timepoint, admin, mode, language *textColumn
	sourceID, sourceVersion          *texts
	answeredAt, receivedAt           *numbers[int64]
	answeredOn                       dateColumn
	codes, ticks, missing            *list
	codeValues                       *nullable[int16]
	tickValues                       *numbers[int16]
	tickLists                        *list
	missingValues                    *texts
	supplied, predicted              *nullable[float64]
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
	t.codeValues = newNullable(int16s(alloc))
	t.codes = t.list("codes", arrow.PrimitiveTypes.Int16, true, t.codeValues)
	t.tickValues = &numbers[int16]{kind: int16s(alloc)}
	t.tickLists = newList(alloc, arrow.PrimitiveTypes.Int16, false, t.tickValues)
	t.ticks = t.list("ticks", t.tickLists.typ, false, t.tickLists)
	t.missingValues = newTexts(alloc)
	t.missing = t.list("missing_reasons", arrow.BinaryTypes.String, false, t.missingValues)
	t.supplied, t.predicted = t.float("supplied_score"), t.float("predicted")
	t.seq = t.uint64("journal_seq")
	return t
}

func (t *responseTable) add(v *record.Response) {
	t.rows++
	t.patient.add(v.PatientID)
	t.id.add(v.ID)
	t.version.add(v.Version)
	t.status.add(int8(v.Status))
	t.source.add(v.Source)
	t.sourceID.add(v.SourceID)
	t.sourceVersion.add(v.SourceVersion)
	t.episode.add(v.EpisodeID)
	t.programme.add(v.Programme)
	t.instrument.add(string(v.Instrument))
	t.instrumentVersion.add(v.InstrumentVersion)
	t.provider.add(v.Provider)
	t.timepoint.add(v.Timepoint)
	t.answeredAt.add(v.AnsweredAt.UnixMilli())
	t.answeredOn.add(v.AnsweredOn)
	t.precision.add(int8(v.Precision))
	t.receivedAt.add(v.ReceivedAt.UnixMilli())
	t.reporter.add(int8(v.ReportedBy))
	t.admin.add(v.AdminMode)
	t.mode.add(v.Mode)
	t.language.add(v.Language)
	t.addAnswers(v)
	t.supplied.optional(v.SuppliedScore)
	t.predicted.optional(v.Predicted)
	t.seq.add(v.JournalSeq)
}

func (t *responseTable) addAnswers(v *record.Response) {
	t.codes.begin()
	for _, c := range v.Codes {
		if c == instruments.Missing {
			t.codeValues.null()
		} else {
			t.codeValues.add(c)
		}
	}
	t.ticks.begin()
	for _, several := range v.Ticks {
		t.tickLists.begin()
		for _, c := range several {
			t.tickValues.add(c)
		}
	}
	t.missing.begin()
	for _, why := range v.MissingReasons {
		t.missingValues.add(why)
	}
}

type scoreTable struct {
	table
	patient                    patientColumn
	response, version, episode *numbers[uint64]
	name, algorithm, valueSet  *textColumn
	programme, timepoint, band *textColumn
	status, reporter           *numbers[int8]
	answeredAt, receivedAt     *numbers[int64]
	answeredOn                 dateColumn
	units                      *nullable[int32]
	unit                       *numbers[uint32]
	value                      *nullable[float64]
	predicted                  *nullable[float64]
	answered, items            *numbers[uint8]
	flags                      *list
	flagValues                 *texts
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
	t.value, t.predicted = t.float("value"), t.float("predicted")
	t.answered, t.items = t.uint8("n_answered"), t.uint8("n_items")
	t.band = t.text("band")
	t.flagValues = newTexts(alloc)
	t.flags = t.list("flags", arrow.BinaryTypes.String, false, t.flagValues)
	return t
}

// add takes one score of a response. A response that does not count (not
// finished, withdrawn) has scores without units, so that they supersede those
// of an earlier version that did. The response's flags stand on its own score.
func (t *scoreTable) add(v *Response, s *instruments.Score, got *instruments.Scored) {
	t.rows++
	t.patient.add(v.PatientID)
	t.response.add(v.ID)
	t.name.add(s.Name)
	t.algorithm.add(s.Algorithm)
	t.valueSet.add(s.ValueSet)
	t.version.add(v.Version)
	t.status.add(int8(scoreStatus(v.Status, got.Status)))
	t.programme.add(v.Programme)
	t.episode.add(v.EpisodeID)
	t.timepoint.add(v.Timepoint)
	t.answeredAt.add(v.AnsweredAt.UnixMilli())
	t.answeredOn.add(v.AnsweredOn)
	t.receivedAt.add(v.ReceivedAt.UnixMilli())
	t.reporter.add(int8(v.ReportedBy))
	t.addNumber(s, got, got.Known && v.counts())
	t.flags.begin()
	if s == v.Definition.Primary() {
		t.predicted.optional(v.Predicted)
		for _, f := range v.flags {
			t.flagValues.add(f)
		}
	} else {
		t.predicted.null()
	}
	t.answered.add(got.Answered)
	t.items.add(got.Items)
}

// addNumber takes the score itself: units where it has a unit, else points.
func (t *scoreTable) addNumber(s *instruments.Score, got *instruments.Scored, known bool) {
	t.unit.add(uint32(s.Unit))
	switch {
	case !known:
		t.units.null()
		t.value.null()
		t.band.add("")
		return
	case s.Unit == 0:
		t.units.null()
		t.value.add(got.Value)
	default:
		t.units.add(got.Units)
		t.value.null()
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
