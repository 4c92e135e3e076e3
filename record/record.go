package record

import (
	"time"

	"github.com/lumbar-health/lumbar/instruments"
)

// PatientID is the first 128 bits of HMAC-SHA-256(key, NHS number), or of a
// record's own hash where the record names no person. Big-endian.
type PatientID [16]byte

// Status says whether an answered questionnaire counts.
type Status int8

// The states of a response, in the order in which a later one outranks an
// earlier one of the same moment (see Version). The values are those of the
// store's Enum8.
const (
	InProgress     Status = 1
	Stopped        Status = 2
	Completed      Status = 3
	Amended        Status = 4
	EnteredInError Status = 5
)

// Precision says how much of a date the source knew.
type Precision int8

// Precisions of AnsweredAt.
const (
	PrecisionInstant Precision = 1
	PrecisionDay     Precision = 2
	PrecisionMonth   Precision = 3
	PrecisionYear    Precision = 4
)

// Reporter is who gave the answers. Only a patient's own feed outcome.
type Reporter int8

// Reporters.
const (
	ByPatient   Reporter = 1
	ByProxy     Reporter = 2
	ByClinician Reporter = 3
)

// Response is one version of one answered questionnaire with its raw codes.
type Response struct {
	PatientID         PatientID
	ID                uint64
	Version           uint64
	Status            Status
	Source            string
	SourceID          string
	SourceVersion     string
	EpisodeID         uint64
	Programme         string
	Instrument        instruments.ID
	InstrumentVersion string
	Provider          string
	Timepoint         string // as the sender stated it; empty = derived from the programme's windows
	AnsweredAt        time.Time
	AnsweredOn        Date // Europe/London
	Precision         Precision
	ReceivedAt        time.Time
	ReportedBy        Reporter
	AdminMode         string
	Mode              string
	Language          string
	Codes             []int16   // instruments.Missing where unanswered
	Ticks             [][]int16 // nil unless an item had several boxes ticked
	MissingReasons    []string  // nil, or one per item
	SuppliedScore     *float64
	Predicted         *float64
	JournalSeq        uint64
}

// Holder is a patient under whom a response stands, with its newest version there.
type Holder struct {
	Patient PatientID
	Version uint64
}

// Score is one score of one response under one algorithm version and, for
// EQ-5D, one value set. Units counts the score's own unit: points = Units/Unit.
type Score struct {
	PatientID  PatientID
	ResponseID uint64
	Version    uint64
	Name       string // instruments.Score.Name
	Algorithm  string
	ValueSet   string
	Status     ScoreStatus
	Programme  string
	EpisodeID  uint64
	Timepoint  string
	AnsweredAt time.Time
	AnsweredOn Date
	ReceivedAt time.Time
	ReportedBy Reporter
	Units      int32
	HasUnits   bool
	Unit       uint32
	Value      *float64 // in points, where the score has no unit
	Predicted  *float64
	NAnswered  uint8
	NItems     uint8
	Band       string
	Flags      []string
}

// ScoreStatus is instruments.Status as the store's Enum8, plus retracted.
type ScoreStatus int8

// Score states.
const (
	ScoreComplete     ScoreStatus = 1
	ScoreProrated     ScoreStatus = 2
	ScorePartial      ScoreStatus = 3
	ScoreInsufficient ScoreStatus = 4
	ScoreInvalid      ScoreStatus = 5
	ScoreRetracted    ScoreStatus = 6
)

// EpisodeStatus is the state of an episode.
type EpisodeStatus int8

// Episode states.
const (
	EpisodeActive         EpisodeStatus = 1
	EpisodeDischarged     EpisodeStatus = 2
	EpisodeEnteredInError EpisodeStatus = 3
)

// Sex is the administrative sex of a person.
type Sex int8

// Sexes.
const (
	SexUnknown Sex = 0
	SexFemale  Sex = 1
	SexMale    Sex = 2
	SexOther   Sex = 3
)

// Risk is the STarT Back class at referral.
type Risk int8

// STarT Back classes.
const (
	RiskUnknown Risk = 0
	RiskLow     Risk = 1
	RiskMedium  Risk = 2
	RiskHigh    Risk = 3
)

// Episode is one referral until discharge.
type Episode struct {
	PatientID      PatientID
	ID             uint64
	Version        uint64
	Status         EpisodeStatus
	Source         string
	SourceID       string
	Programme      string
	ReferredOn     Date
	FirstContactOn Date // zero = not yet
	TreatmentStart Date
	DischargedOn   Date
	PriorEpisodeID uint64
	Intervention   string
	Procedure      string
	Practice       string
	Site           string
	Provider       string
	ICB            string
	Region         string
	Sex            Sex
	Age            uint8  // 0 = unknown
	AgeBand        string // as the source stated it; empty = derived from Age
	IMDDecile      uint8  // 1 = most deprived, 0 = unknown
	IMDVersion     string
	EthnicGroup    string
	StarTBackRisk  Risk
	ReceivedAt     time.Time
	// Covariates are those the programme declares, in its order.
	Covariates []Covariate
}

// Covariate is the value of one declared covariate: a whole number, or one of
// its levels. A missing value has neither.
type Covariate struct {
	Int    int32
	Text   string
	Absent bool
}

// Date is a calendar day in Europe/London: days since 1970-01-01. The zero
// value means "none": nobody in the record was seen on that day.
type Date int32
