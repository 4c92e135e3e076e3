package ingest

import (
	"cmp"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// covariateSet are the covariates of all programmes of a batch, by name.
type covariateSet []programme.Covariate

func newCovariateSet(records []*Record) covariateSet {
	var set covariateSet
	var last []programme.Covariate
	for _, r := range records {
		for i := range r.Episodes {
			declared := r.Episodes[i].Declared
			if len(declared) == 0 || sameList(last, declared) {
				continue
			}
			last = declared
			for _, c := range declared {
				if at, known := set.place(c.Name); !known {
					set = slices.Insert(set, at, c)
				}
			}
		}
	}
	return set
}

// union is both sets together.
func (s covariateSet) union(other covariateSet) covariateSet {
	both := slices.Clone(s)
	for _, c := range other {
		if at, known := both.place(c.Name); !known {
			both = slices.Insert(both, at, c)
		}
	}
	return both
}

// sameList reports whether two lists are the same one in memory, which saves
// comparing a programme with itself for each of its episodes.
func sameList(a, b []programme.Covariate) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (s covariateSet) place(name string) (int, bool) {
	return slices.BinarySearchFunc(s, name, func(c programme.Covariate, n string) int { return cmp.Compare(c.Name, n) })
}

type episodeTable struct {
	table
	set                                        covariateSet
	patient                                    patientColumn
	id, version, prior                         *numbers[uint64]
	status, sex, risk                          *numbers[int8]
	source, programme, intervention, procedure *textColumn
	practice, site, provider, icb, region      *textColumn
	ageBand, imdVersion, ethnicGroup           *textColumn
	sourceID                                   *texts
	referred, contact, start, discharged       dateColumn
	age, imd                                   *numbers[uint8]
	receivedAt                                 *numbers[int64]
	integers                                   []*nullable[int32] // nil where the covariate is a category
	categories                                 []*textColumn
	places                                     []int // of the covariates of declared, in set
	declared                                   []programme.Covariate
}

func newEpisodeTable(alloc memory.Allocator, set covariateSet) *episodeTable {
	t := &episodeTable{table: table{alloc: alloc}, set: set}
	t.patient = t.table.patient("patient_id")
	t.id, t.version = t.uint64("episode_id"), t.uint64("version")
	t.status = t.enum("status")
	t.source, t.sourceID = t.text("source"), t.string("source_id")
	t.programme = t.text("programme")
	t.referred, t.contact = t.date("referred_on", false), t.date("first_contact_on", true)
	t.start, t.discharged = t.date("treatment_start", true), t.date("discharged_on", true)
	t.prior = t.uint64("prior_episode_id")
	t.intervention, t.procedure = t.text("intervention"), t.text("procedure")
	t.practice, t.site, t.provider = t.text("practice"), t.text("site"), t.text("provider")
	t.icb, t.region = t.text("icb"), t.text("region")
	t.sex = t.enum("sex")
	t.age, t.ageBand = t.uint8("age"), t.text("age_band")
	t.imd, t.imdVersion = t.uint8("imd_decile"), t.text("imd_version")
	t.ethnicGroup = t.text("ethnic_group")
	t.risk = t.enum("startback_risk")
	t.receivedAt = t.timestamp("received_at")
	t.integers = make([]*nullable[int32], len(set))
	t.categories = make([]*textColumn, len(set))
	for i, c := range set {
		if c.Kind == programme.Category {
			t.categories[i] = t.text(c.Name)
		} else {
			t.integers[i] = t.int32(c.Name)
		}
	}
	return t
}

// has reports whether the table has exactly the covariates of the set.
func (t *episodeTable) has(set covariateSet) bool {
	return slices.EqualFunc(t.set, set, func(a, b programme.Covariate) bool { return a.Name == b.Name && a.Kind == b.Kind })
}

func (t *episodeTable) add(v *Episode) {
	t.rows++
	t.patient.add(v.PatientID)
	t.id.add(v.ID)
	t.version.add(v.Version)
	t.status.add(int8(v.Status))
	t.source.add(v.Source)
	t.sourceID.add(v.SourceID)
	t.programme.add(v.Programme)
	t.referred.add(v.ReferredOn)
	t.contact.add(v.FirstContactOn)
	t.start.add(v.TreatmentStart)
	t.discharged.add(v.DischargedOn)
	t.prior.add(v.PriorEpisodeID)
	t.intervention.add(v.Intervention)
	t.procedure.add(v.Procedure)
	t.practice.add(v.Practice)
	t.site.add(v.Site)
	t.provider.add(v.Provider)
	t.icb.add(v.ICB)
	t.region.add(v.Region)
	t.sex.add(int8(v.Sex))
	t.age.add(v.Age)
	t.ageBand.add(v.AgeBand)
	t.imd.add(v.IMDDecile)
	t.imdVersion.add(v.IMDVersion)
	t.ethnicGroup.add(v.EthnicGroup)
	t.risk.add(int8(v.StarTBackRisk))
	t.receivedAt.add(v.ReceivedAt.UnixMilli())
	t.addCovariates(v)
}

// addCovariates puts each declared covariate into its column; the columns of
// other programmes stay null.
func (t *episodeTable) addCovariates(v *Episode) {
	if len(t.set) == 0 {
		return
	}
	if t.places == nil || !sameList(t.declared, v.Declared) {
		t.declared = v.Declared
		t.places = make([]int, len(t.set))
		for i, c := range t.set {
			t.places[i] = slices.IndexFunc(v.Declared, func(d programme.Covariate) bool { return d.Name == c.Name })
		}
	}
	for i := range t.set {
		value := record.Covariate{Absent: true}
		if at := t.places[i]; at >= 0 && at < len(v.Covariates) {
			value = v.Covariates[at]
		}
		switch {
		case t.categories[i] != nil:
			t.categories[i].add(value.Text)
		case value.Absent:
			t.integers[i].null()
		default:
			t.integers[i].add(value.Int)
		}
	}
}

type eventTable struct {
	table
	patient                                     patientColumn
	id, version, episode                        *numbers[uint64]
	status                                      *numbers[int8]
	programme, kind, organisation, intervention *textColumn
	codeSystem, code, source                    *textColumn
	happenedAt, receivedAt                      *numbers[int64]
	happenedOn                                  dateColumn
	cost                                        *numbers[int64]
	sourceID                                    *texts
}

func newEventTable(alloc memory.Allocator) *eventTable {
	t := &eventTable{table: table{alloc: alloc}}
	t.patient = t.table.patient("patient_id")
	t.id, t.version = t.uint64("event_id"), t.uint64("version")
	t.status = t.enum("status")
	t.programme = t.text("programme")
	t.episode = t.uint64("episode_id")
	t.kind = t.text("type")
	t.happenedAt, t.happenedOn = t.timestamp("happened_at"), t.date("happened_on", false)
	t.organisation, t.intervention = t.text("organisation"), t.text("intervention")
	t.codeSystem, t.code = t.text("code_system"), t.text("code")
	t.cost = t.int64("cost_pence")
	t.source, t.sourceID = t.text("source"), t.string("source_id")
	t.receivedAt = t.timestamp("received_at")
	return t
}

func (t *eventTable) add(v *Event) {
	t.rows++
	t.patient.add(v.PatientID)
	t.id.add(v.ID)
	t.version.add(v.Version)
	t.status.add(int8(v.Status))
	t.programme.add(v.Programme)
	t.episode.add(v.EpisodeID)
	t.kind.add(v.Type)
	t.happenedAt.add(v.HappenedAt.UnixMilli())
	t.happenedOn.add(v.HappenedOn)
	t.organisation.add(v.Organisation)
	t.intervention.add(v.Intervention)
	t.codeSystem.add(v.CodeSystem)
	t.code.add(v.Code)
	t.cost.add(v.CostPence)
	t.source.add(v.Source)
	t.sourceID.add(v.SourceID)
	t.receivedAt.add(v.ReceivedAt.UnixMilli())
}

type patientTable struct {
	table
	patient                  patientColumn
	version                  *numbers[uint64]
	status, sex              *numbers[int8]
	birthMonth               dateColumn
	ethnic, lsoa, imdVersion *textColumn
	imd                      *numbers[uint8]
	receivedAt               *numbers[int64]
}

func newPatientTable(alloc memory.Allocator) *patientTable {
	t := &patientTable{table: table{alloc: alloc}}
	t.patient = t.table.patient("patient_id")
	t.version = t.uint64("version")
	t.status, t.sex = t.enum("status"), t.enum("sex")
	t.birthMonth = t.date("birth_month", false)
	t.ethnic, t.lsoa = t.text("ethnic"), t.text("lsoa")
	t.imd, t.imdVersion = t.uint8("imd_decile"), t.text("imd_version")
	t.receivedAt = t.timestamp("received_at")
	return t
}

func (t *patientTable) add(v *Patient) {
	t.rows++
	t.patient.add(v.PatientID)
	t.version.add(v.Version)
	t.status.add(int8(v.Status))
	t.sex.add(int8(v.Sex))
	t.birthMonth.add(v.BirthMonth)
	t.ethnic.add(v.Ethnic)
	t.lsoa.add(v.LSOA)
	t.imd.add(v.IMDDecile)
	t.imdVersion.add(v.IMDVersion)
	t.receivedAt.add(v.ReceivedAt.UnixMilli())
}
