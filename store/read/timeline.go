package read

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// History returns every version of every fact about one person that was received
// at or before asOf; the zero time means all. It reads the facts by their key and
// waits for no batch: what is committed is there. Of two receipts of one version
// the earlier stands. A person whom nobody knows has an empty history.
func (r *Reader) History(ctx context.Context, patient record.PatientID, asOf time.Time) (*record.History, error) {
	h := new(record.History)
	g, ctx := errgroup.WithContext(ctx)
	p := personReader{Reader: r, patient: patient, asOf: asOf}
	g.Go(func() (err error) { h.People, err = p.people(ctx); return err })
	g.Go(func() (err error) { h.Episodes, err = p.episodes(ctx); return err })
	g.Go(func() (err error) { h.Events, err = p.events(ctx); return err })
	g.Go(func() (err error) { h.Responses, err = p.responses(ctx); return err })
	g.Go(func() (err error) { h.Scores, err = p.scores(ctx); return err })
	return h, g.Wait()
}

// Scores returns the scores that are current in a programme, whatever their
// instrument.
func (r *Reader) Scores(programme string) []*instruments.Score {
	var list []*instruments.Score
	for _, p := range r.catalogue().Programmes {
		if p.ID == programme {
			for _, s := range p.Scores {
				list = append(list, s.Score)
			}
		}
	}
	return list
}

// personReader reads the facts of one person.
type personReader struct {
	*Reader
	patient record.PatientID
	asOf    time.Time
}

// versions reads all versions of a table, each once; key tells rows apart.
func (p *personReader) versions(ctx context.Context, table, columns, key string, each func(driver.Rows) error) error {
	s := newStatement(p.catalogue())
	text := "SELECT " + columns + " FROM " + table + " PREWHERE patient_id = reinterpretAsUInt128(reverse(unhex(" + s.text(hex.EncodeToString(p.patient[:])) + ")))"
	if !p.asOf.IsZero() {
		text += " WHERE received_at <= fromUnixTimestamp64Milli(" + s.bind("Int64", strconv.FormatInt(p.asOf.UnixMilli(), 10)) + ")"
	}
	if key != "" {
		key += ", "
	}
	text += " ORDER BY " + key + "version DESC, received_at LIMIT 1 BY " + key + "version"
	return p.direct(ctx, "read "+table+" of a person", s, text, each)
}

func (p *personReader) people(ctx context.Context) (list []record.Person, err error) {
	const columns = "version, toInt8(status), toInt8(sex), birth_month, ethnic, lsoa, imd_decile, imd_version, received_at"
	err = p.versions(ctx, "patient", columns, "", func(rows driver.Rows) error {
		v := record.Person{PatientID: p.patient}
		var born time.Time
		err := rows.Scan(&v.Version, (*int8)(&v.Status), (*int8)(&v.Sex), &born, &v.Ethnic, &v.LSOA, &v.IMDDecile, &v.IMDVersion, &v.ReceivedAt)
		v.BirthMonth = dateOf(&born)
		list = append(list, v)
		return err
	})
	return list, err
}

func (p *personReader) episodes(ctx context.Context) (list []record.Episode, err error) {
	columns := "episode_id, version, toInt8(status), source, source_id, programme, referred_on, first_contact_on, treatment_start, discharged_on, prior_episode_id, " +
		"intervention, procedure, practice, site, provider, icb, region, toInt8(sex), age, age_band, imd_decile, imd_version, ethnic_group, toInt8(startback_risk), received_at"
	covariates := p.catalogue().Covariates()
	for _, c := range covariates {
		columns += ", " + schema.Quote(c.Name)
	}
	declared := map[string][]string{}
	for _, of := range p.catalogue().Programmes {
		declared[of.ID] = of.Covariates
	}
	err = p.versions(ctx, "episode", columns, "episode_id", func(rows driver.Rows) error {
		v := record.Episode{PatientID: p.patient}
		var referred time.Time
		var contact, start, discharged *time.Time
		into := []any{&v.ID, &v.Version, (*int8)(&v.Status), &v.Source, &v.SourceID, &v.Programme, &referred, &contact, &start, &discharged, &v.PriorEpisodeID,
			&v.Intervention, &v.Procedure, &v.Practice, &v.Site, &v.Provider, &v.ICB, &v.Region, (*int8)(&v.Sex), &v.Age, &v.AgeBand, &v.IMDDecile, &v.IMDVersion,
			&v.EthnicGroup, (*int8)(&v.StarTBackRisk), &v.ReceivedAt}
		numbers, words := make([]*int32, len(covariates)), make([]string, len(covariates))
		at := map[string]int{}
		for i, c := range covariates {
			at[c.Name] = i
			if c.Kind == schema.Text {
				into = append(into, &words[i])
			} else {
				into = append(into, &numbers[i])
			}
		}
		err := rows.Scan(into...)
		v.ReferredOn, v.FirstContactOn, v.TreatmentStart, v.DischargedOn = dateOf(&referred), dateOf(contact), dateOf(start), dateOf(discharged)
		for _, name := range declared[v.Programme] {
			i := at[name]
			switch {
			case numbers[i] != nil:
				v.Covariates = append(v.Covariates, record.Covariate{Int: *numbers[i]})
			default:
				v.Covariates = append(v.Covariates, record.Covariate{Text: words[i], Absent: words[i] == ""})
			}
		}
		list = append(list, v)
		return err
	})
	return list, err
}

func (p *personReader) events(ctx context.Context) (list []record.Event, err error) {
	const columns = "event_id, version, toInt8(status), programme, episode_id, type, happened_at, happened_on, organisation, intervention, code_system, code, cost_pence, source, source_id, received_at"
	err = p.versions(ctx, "event", columns, "event_id", func(rows driver.Rows) error {
		v := record.Event{PatientID: p.patient}
		var on time.Time
		err := rows.Scan(&v.ID, &v.Version, (*int8)(&v.Status), &v.Programme, &v.EpisodeID, &v.Type, &v.HappenedAt, &on, &v.Organisation, &v.Intervention,
			&v.CodeSystem, &v.Code, &v.CostPence, &v.Source, &v.SourceID, &v.ReceivedAt)
		v.HappenedOn = dateOf(&on)
		list = append(list, v)
		return err
	})
	return list, err
}

func (p *personReader) responses(ctx context.Context) (list []record.Response, err error) {
	const columns = "response_id, version, toInt8(status), source, source_id, source_version, episode_id, programme, instrument, instrument_version, provider, timepoint, " +
		"answered_at, answered_on, toInt8(answered_precision), received_at, toInt8(reported_by), admin_mode, mode, language, arrayMap(c -> ifNull(c, toInt16(-32768)), codes), missing_reasons, supplied_score, predicted"
	err = p.versions(ctx, "response", columns, "response_id", func(rows driver.Rows) error {
		v := record.Response{PatientID: p.patient}
		var on time.Time
		var instrument string
		err := rows.Scan(&v.ID, &v.Version, (*int8)(&v.Status), &v.Source, &v.SourceID, &v.SourceVersion, &v.EpisodeID, &v.Programme, &instrument, &v.InstrumentVersion,
			&v.Provider, &v.Timepoint, &v.AnsweredAt, &on, (*int8)(&v.Precision), &v.ReceivedAt, (*int8)(&v.ReportedBy), &v.AdminMode, &v.Mode, &v.Language,
			&v.Codes, &v.MissingReasons, &v.SuppliedScore, &v.Predicted)
		v.Instrument, v.AnsweredOn = instruments.ID(instrument), dateOf(&on)
		list = append(list, v)
		return err
	})
	return list, err
}

func (p *personReader) scores(ctx context.Context) (list []record.Score, err error) {
	const columns = "response_id, version, score, algorithm, value_set, toInt8(status), programme, episode_id, timepoint, answered_at, answered_on, received_at, toInt8(reported_by), " +
		"units, unit, value, predicted, n_answered, n_items, band, flags"
	err = p.versions(ctx, "score", columns, "response_id, score, algorithm, value_set", func(rows driver.Rows) error {
		v := record.Score{PatientID: p.patient}
		var on time.Time
		var units *int32
		err := rows.Scan(&v.ResponseID, &v.Version, &v.Name, &v.Algorithm, &v.ValueSet, (*int8)(&v.Status), &v.Programme, &v.EpisodeID, &v.Timepoint, &v.AnsweredAt, &on,
			&v.ReceivedAt, (*int8)(&v.ReportedBy), &units, &v.Unit, &v.Value, &v.Predicted, &v.NAnswered, &v.NItems, &v.Band, &v.Flags)
		v.AnsweredOn = dateOf(&on)
		if units != nil {
			v.Units, v.HasUnits = *units, true
		}
		list = append(list, v)
		return err
	})
	return list, err
}

// dateOf is a stored day, zero where there is none.
func dateOf(t *time.Time) record.Date {
	if t == nil {
		return 0
	}
	return record.NewDate(t.Date())
}
