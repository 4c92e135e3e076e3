package ingest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// FormatJournal is the format of a refused row that was acknowledged before and
// came out of the journal.
const FormatJournal = "journal"

// entry is what one submission leaves in the journal, in CBOR under the names
// of these fields. A row is kept without its scores, which the code that drains
// the journal makes anew.
type entry struct {
	ReceivedAt time.Time
	Records    []kept
}

// kept is one record of an entry: its rows, or what the quarantine is to hold.
type kept struct {
	Responses []keptResponse  `cbor:",omitempty"`
	Episodes  []keptEpisode   `cbor:",omitempty"`
	Events    []Event         `cbor:",omitempty"`
	Patients  []Patient       `cbor:",omitempty"`
	Refused   *record.Refused `cbor:",omitempty"`
}

type keptResponse struct {
	record.Response
	Final bool
}

// keptEpisode names its covariates: their order may have changed when it is read.
type keptEpisode struct {
	record.Episode
	Declared []string
}

var (
	entryCoding   = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode())
	entryDecoding = must(cbor.DecOptions{
		// A field that this version does not know would be lost in silence.
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8DecodeInvalid,
		// What was acknowledged must be readable however long a list in it is: the
		// journal bounds the entry, and its checksum has vouched for it.
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("ingest: the journal's coding: " + err.Error()) // impossible: the options are constants
	}
	return v
}

// keep returns what the journal keeps of a record.
func keep(r *Record) kept {
	if r.Result == ResultRejected {
		return kept{Refused: r.refused}
	}
	k := kept{Events: r.Events, Patients: r.Patients}
	for i := range r.Responses {
		k.Responses = append(k.Responses, keptResponse{r.Responses[i].Response, r.Responses[i].Final})
	}
	for i := range r.Episodes {
		e := keptEpisode{Episode: r.Episodes[i].Episode}
		for j := range e.Covariates {
			e.Declared = append(e.Declared, r.Episodes[i].Declared[j].Name)
		}
		k.Episodes = append(k.Episodes, e)
	}
	return k
}

// encode writes the records that are new or refused as an entry; empty where
// there are none.
func encode(records []*Record, received time.Time) ([]byte, error) {
	e := entry{ReceivedAt: received.UTC()}
	for _, r := range records {
		if r.Result != ResultDuplicate {
			e.Records = append(e.Records, keep(r))
		}
	}
	if len(e.Records) == 0 {
		return nil, nil
	}
	body, err := entryCoding.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("ingest: write an entry of the journal: %w", err)
	}
	return body, nil
}

// decode reads the records of an entry and scores them. A record that this
// version of the product can not score any more is refused, with reasons, where
// the quarantine can hold it.
func (p *Pipeline) decode(number uint64, body []byte) ([]*Record, error) {
	var e entry
	if err := entryDecoding.NewDecoder(bytes.NewReader(body)).Decode(&e); err != nil {
		return nil, fmt.Errorf("ingest: entry %d of the journal can not be read: run the version of the product that wrote it, or report the fault: %w", number, withoutValues(err))
	}
	records := make([]*Record, len(e.Records))
	for i := range e.Records {
		r, err := p.restore(&e.Records[i])
		if err != nil {
			return nil, fmt.Errorf("ingest: record %d of entry %d of the journal: %w", i+1, number, err)
		}
		r.Line = i + 1
		r.receivedAt(e.ReceivedAt)
		for j := range r.Responses {
			r.Responses[j].JournalSeq = number
		}
		if r.refused != nil && r.refused.ReceivedAt.IsZero() {
			r.refused.ReceivedAt = e.ReceivedAt
		}
		records[i] = r
	}
	return records, nil
}

// withoutValues keeps of a decoding error what can not quote a row.
func withoutValues(err error) error {
	switch e := err.(type) {
	case *cbor.UnmarshalTypeError:
		return fmt.Errorf("field %s has another type", e.StructFieldName)
	case *cbor.UnknownFieldError:
		return e // it names a place, not a value
	}
	return fmt.Errorf("not CBOR of an entry (%T)", err)
}

// restore makes a record of what was kept of it.
func (p *Pipeline) restore(k *kept) (*Record, error) {
	r := &Record{Events: k.Events, Patients: k.Patients, refused: k.Refused, Result: ResultStored}
	if k.Refused != nil {
		r.Reasons, r.Result = k.Refused.Reasons, ResultRejected
		return r, nil
	}
	for i := range k.Responses {
		r.Responses = append(r.Responses, Response{Response: k.Responses[i].Response, Final: k.Responses[i].Final})
		p.rescore(r, &r.Responses[i])
	}
	for i := range k.Episodes {
		r.Episodes = append(r.Episodes, Episode{Episode: k.Episodes[i].Episode})
		p.redeclare(r, &r.Episodes[i], k.Episodes[i].Declared)
	}
	if len(r.Reasons) > 0 {
		return r, p.setAside(r, k)
	}
	return r, nil
}

// setAside makes a record that was acknowledged, and for these reasons beside its
// own can not be stored any more, one that the quarantine holds whole, however
// long it is. Where there is no key to seal it with it stays as it is, for the
// journal alone has it then.
func (p *Pipeline) setAside(r *Record, k *kept, why ...Reason) error {
	body, err := entryCoding.Marshal(k)
	if err != nil {
		return fmt.Errorf("ingest: write a record for the quarantine: %w", err)
	}
	reasons := slices.Concat(r.Reasons, why)
	if p.sealer.aead == nil {
		return fmt.Errorf("a record that was acknowledged is %s now (%s), and without a pseudonym key it can not be kept in the quarantine: set one, or bring back the definition or programme that it needs", reasons[0].Rule, reasons[0].Field)
	}
	r.Reasons, r.Result = reasons, ResultRejected
	p.sealer.hold(r, body, true, FormatJournal, FormatJournal)
	return nil
}

// rescore scores a response that was checked when it came: its dates are not
// looked at again, for the clock may have been set back. The definition that it
// has is taken where it is its own, else looked up.
func (s *Setting) rescore(r *Record, v *Response) {
	if d := v.Definition; d == nil || d.ID != v.Instrument || d.Version != v.InstrumentVersion {
		d, err := instruments.Lookup(v.Instrument, v.InstrumentVersion)
		if err != nil {
			r.RejectInstrument(err)
			return
		}
		v.Definition = d
	}
	s.flag(r, v)
	s.score(r, v)
}

// redeclare puts the covariates of an episode into the order of its programme.
func (s *Setting) redeclare(r *Record, v *Episode, names []string) {
	p, ok := s.Programme(v.Programme)
	if !ok {
		r.Reject("programme", RuleUnknownProgramme)
		return
	}
	v.Declared = p.Covariates
	if len(v.Covariates) == 0 {
		return
	}
	values := map[string]record.Covariate{}
	for i, name := range names {
		values[name] = v.Covariates[i]
		known := slices.ContainsFunc(p.Covariates, func(c programme.Covariate) bool { return c.Name == name })
		if !known && !v.Covariates[i].Absent {
			r.Reject(name, RuleNotDeclared) // it was acknowledged: never dropped in silence
		}
	}
	v.Covariates = make([]record.Covariate, len(p.Covariates))
	for i, c := range p.Covariates {
		value, there := values[c.Name]
		switch {
		case !there:
			value = record.Covariate{Absent: true}
		case !allowed(&p.Covariates[i], &value):
			r.Reject(c.Name, RuleNotDeclared)
		}
		v.Covariates[i] = value
	}
}
