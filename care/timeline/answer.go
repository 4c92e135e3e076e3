package timeline

import (
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// Timeline is what is known of one person. Ids and versions are 16 hexadecimal
// digits: they do not fit the numbers of JSON.
type Timeline struct {
	Pseudonym string     `json:"pseudonym"`
	AsOf      *time.Time `json:"as_of"` // nil = now
	Person    *Person    `json:"person"`
	Episodes  []Episode  `json:"episodes"`  // by referral
	Events    []Event    `json:"events"`    // as they happened
	Responses []Response `json:"responses"` // as they were answered
}

// Version is one version of a fact.
type Version struct {
	Version    string    `json:"version"`
	ReceivedAt time.Time `json:"received_at"`
	Status     string    `json:"status"`
}

// Source is what the sender calls a fact.
type Source struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Person is the person, with the versions before, the latest first.
type Person struct {
	PersonVersion
	Earlier []PersonVersion `json:"earlier"`
}

// PersonVersion is one version of the person.
type PersonVersion struct {
	Version
	Sex        string `json:"sex"`
	BirthMonth string `json:"birth_month"` // 1980-05; empty = unknown
	Ethnic     string `json:"ethnic"`
	IMDDecile  *uint8 `json:"imd_decile"`
	IMDVersion string `json:"imd_version"`
}

// Episode is one referral until discharge.
type Episode struct {
	EpisodeVersion
	Earlier []EpisodeVersion `json:"earlier"`
}

// EpisodeVersion is one version of an episode.
type EpisodeVersion struct {
	ID string `json:"id"`
	Version
	Source         Source         `json:"source"`
	Programme      string         `json:"programme"`
	ReferredOn     *string        `json:"referred_on"`
	FirstContactOn *string        `json:"first_contact_on"`
	TreatmentStart *string        `json:"treatment_start"`
	DischargedOn   *string        `json:"discharged_on"`
	Intervention   string         `json:"intervention"`
	Procedure      string         `json:"procedure"`
	Practice       string         `json:"practice"`
	Site           string         `json:"site"`
	Provider       string         `json:"provider"`
	ICB            string         `json:"icb"`
	Region         string         `json:"region"`
	Sex            string         `json:"sex"`
	Age            *uint8         `json:"age"`
	AgeBand        string         `json:"age_band"`
	IMDDecile      *uint8         `json:"imd_decile"`
	IMDVersion     string         `json:"imd_version"`
	EthnicGroup    string         `json:"ethnic_group"`
	StarTBackRisk  string         `json:"startback_risk"`
	Covariates     map[string]any `json:"covariates"` // of the programme: a number or a word each
}

// Event is something that happened to the person.
type Event struct {
	EventVersion
	Earlier []EventVersion `json:"earlier"`
}

// EventVersion is one version of an event.
type EventVersion struct {
	ID string `json:"id"`
	Version
	Source       Source  `json:"source"`
	Programme    string  `json:"programme"`
	Episode      *string `json:"episode"`
	Type         string  `json:"type"`
	HappenedAt   string  `json:"happened_at"`
	HappenedOn   *string `json:"happened_on"` // Europe/London
	Organisation string  `json:"organisation"`
	Intervention string  `json:"intervention"`
	Code         *Code   `json:"code"`
	CostPence    *int64  `json:"cost_pence"`
}

// Code is a code of a terminology.
type Code struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// Response is one answered questionnaire.
type Response struct {
	ResponseVersion
	// Placed is the episode and timepoint it belongs to; nil where it has none.
	Placed *Placed `json:"placed"`
	// CountsInOutcome says that cohort results take the timepoint's answer from
	// this response: of several in a window the nearest to its target counts.
	CountsInOutcome bool              `json:"counts_in_outcome"`
	Earlier         []ResponseVersion `json:"earlier"`
}

// ResponseVersion is one version of a response. Of a withdrawn one what was
// answered is not shown.
type ResponseVersion struct {
	ID string `json:"id"`
	Version
	Source            Source        `json:"source"`
	Programme         string        `json:"programme"`
	Episode           *string       `json:"episode"` // as the sender stated it
	Instrument        string        `json:"instrument"`
	InstrumentVersion string        `json:"instrument_version"`
	Title             string        `json:"title"`
	Provider          string        `json:"provider"`
	Timepoint         *string       `json:"timepoint"`   // as the sender stated it
	AnsweredAt        string        `json:"answered_at"` // as precise as it is known
	AnsweredOn        *string       `json:"answered_on"` // Europe/London
	Precision         string        `json:"answered_precision"`
	ReportedBy        string        `json:"reported_by"`
	AdminMode         string        `json:"admin_mode"`
	Mode              string        `json:"mode"`
	Language          string        `json:"language"`
	Completeness      *Completeness `json:"completeness"`
	SuppliedScore     *float64      `json:"supplied_score"` // the sender's own
	Flags             []string      `json:"flags"`          // that someone must look at
	Scores            []Score       `json:"scores"`
}

// Completeness is how many of the questions that count were answered.
type Completeness struct {
	Answered int `json:"answered"`
	Items    int `json:"items"`
}

// Placed is where a response stands in the programme's schedule.
type Placed struct {
	Episode   string  `json:"episode"`
	Timepoint *string `json:"timepoint"` // nil = in no window
	Label     string  `json:"label"`
	// Stated says that the sender named the timepoint; else it is the one whose
	// window the answer is in.
	Stated   bool    `json:"stated"`
	OpensOn  *string `json:"opens_on"` // of the window; nil where its anchor has no day yet
	TargetOn *string `json:"target_on"`
	ClosesOn *string `json:"closes_on"`
	// Days is from the target day to the answer, negative before it.
	Days *int `json:"days_from_target"`
}

// Score is one score of a response. Points are exact: Units over Unit where the
// score has a unit.
type Score struct {
	Score     string   `json:"score"`
	Label     string   `json:"label"`
	Algorithm string   `json:"algorithm"`
	ValueSet  string   `json:"value_set"`
	Main      bool     `json:"main"` // stands for the instrument in its programme
	Status    string   `json:"status"`
	Points    *float64 `json:"points"` // nil where there is no score, or it is a category
	Units     *int32   `json:"units"`
	Unit      uint32   `json:"unit"` // 0 = a score without a small denominator
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
	Direction string   `json:"direction"`
	Band      string   `json:"band"`
	Answered  int      `json:"answered"`
	Items     int      `json:"items"`
	Predicted *float64 `json:"predicted"`
	// Change since the episode's baseline; nil for the baseline itself, what came
	// before it, and where no change is defined.
	Change *Change `json:"change"`
}

// Change is a change since baseline under the instrument's own rules.
type Change struct {
	Baseline *Baseline `json:"baseline"`
	instruments.Change
	// Rules are those rules in words, by the key that they explain.
	Rules map[string]string `json:"rules"`
}

// Baseline is the score that a change is since.
type Baseline struct {
	Response   string  `json:"response"`
	AnsweredAt string  `json:"answered_at"`
	Points     float64 `json:"points"`
}

var (
	responseWords  = map[record.Status]string{record.InProgress: "in-progress", record.Stopped: "stopped", record.Completed: "completed", record.Amended: "amended", record.EnteredInError: withdrawn}
	episodeWords   = map[record.EpisodeStatus]string{record.EpisodeActive: "active", record.EpisodeDischarged: "discharged", record.EpisodeEnteredInError: withdrawn}
	eventWords     = map[record.EventStatus]string{record.EventFinal: "final", record.EventEnteredInError: withdrawn}
	personWords    = map[record.PersonStatus]string{record.PersonActive: "active", record.PersonDeceased: "deceased", record.PersonEnteredInError: withdrawn}
	sexWords       = map[record.Sex]string{record.SexUnknown: "unknown", record.SexFemale: "female", record.SexMale: "male", record.SexOther: "other"}
	riskWords      = map[record.Risk]string{record.RiskUnknown: "unknown", record.RiskLow: "low", record.RiskMedium: "medium", record.RiskHigh: "high"}
	reporterWords  = map[record.Reporter]string{record.ByPatient: "patient", record.ByProxy: "proxy", record.ByClinician: "clinician"}
	precisionWords = map[record.Precision]string{record.PrecisionInstant: "instant", record.PrecisionDay: "day", record.PrecisionMonth: "month", record.PrecisionYear: "year"}
	scoreWords     = map[record.ScoreStatus]string{record.ScoreComplete: "complete", record.ScoreProrated: "prorated", record.ScorePartial: "partial", record.ScoreInsufficient: "insufficient", record.ScoreInvalid: "invalid", record.ScoreRetracted: "retracted"}
)

// withdrawn is the status of what was entered in error, or of a response that
// turned out to be somebody else's.
const withdrawn = "entered-in-error"
