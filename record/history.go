package record

import "time"

// History is everything that is stored of one person: every version of every
// fact, with the moment at which it was received. What it held at an earlier
// moment is told by leaving out what was received later.
type History struct {
	People    []Person
	Episodes  []Episode
	Events    []Event
	Responses []Response
	Scores    []Score
}

// Len is the number of its rows.
func (h *History) Len() int {
	return len(h.People) + len(h.Episodes) + len(h.Events) + len(h.Responses) + len(h.Scores)
}

// EventStatus is the state of an event.
type EventStatus int8

// Event states, as the store's Enum8.
const (
	EventFinal          EventStatus = 1
	EventEnteredInError EventStatus = 2
)

// Event is something that happened to a person: a referral, a treatment, an
// admission, a cost.
type Event struct {
	PatientID    PatientID
	ID           uint64
	Version      uint64
	Status       EventStatus
	Programme    string
	EpisodeID    uint64
	Type         string
	HappenedAt   time.Time
	HappenedOn   Date
	Organisation string
	Intervention string
	CodeSystem   string
	Code         string
	CostPence    int64
	Source       string
	SourceID     string
	ReceivedAt   time.Time
}

// PersonStatus is the state of a person.
type PersonStatus int8

// Person states, as the store's Enum8.
const (
	PersonActive         PersonStatus = 1
	PersonDeceased       PersonStatus = 2
	PersonEnteredInError PersonStatus = 3
)

// Person is one pseudonymised person.
type Person struct {
	PatientID  PatientID
	Version    uint64
	Status     PersonStatus
	Sex        Sex
	BirthMonth Date // first day of the month; zero = unknown
	Ethnic     string
	LSOA       string
	IMDDecile  uint8
	IMDVersion string
	ReceivedAt time.Time
}

// Access is one line of the audit: who did what with which record, and why. It
// holds no value of that record.
type Access struct {
	At      time.Time
	Actor   string
	Role    string
	Action  string
	Purpose string
	Subject string // a pseudonym, or the id of a refused row
	Rows    int    // shown or changed
	Receipt string // of the answer, where there is one
}
