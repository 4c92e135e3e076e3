package load

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/lumbar-health/lumbar/record"
)

// World is a set of invented people: each has one episode and Slots answers.
// Equal worlds send equal bytes.
type World struct {
	// Name tells the rows of one world from those of another.
	Name string
	// Programme is that of the episodes. It asks for the instruments of slots.
	Programme string
}

// slot is one answer that each person of a world gives.
type slot struct {
	instrument, version string
	items               int
	top                 int // the highest code of an item
	key                 string
	day                 int // after the referral
	unit, points        int // units of the score to a point; points to a code
}

// Instruments and days: first contact on day 8, treatment from day 18 on. None
// names its timepoint: the programme's windows find it.
var slots = func() []slot {
	var out []slot
	for _, at := range []struct {
		key string
		day int
	}{{"baseline", 8}, {"6m", 18 + 182}, {"12m", 18 + 365}} {
		out = append(out,
			slot{"odi", "2.1a", 10, 5, at.key, at.day, 18, 2},
			slot{"nrs_back", "1week", 1, 10, at.key, at.day, 1, 1},
			slot{"nrs_leg", "1week", 1, 10, at.key, at.day, 1, 1})
	}
	return out
}()

// Slots is how many answers a person gives. Answer n is that of person
// n / Slots, in slot n % Slots.
var Slots = uint64(len(slots))

var firstReferral = time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC)

// System is the system of the identifiers of all rows of the world.
func (w World) System() string { return "urn:lumbar:load:" + w.Name }

func (w World) hash(what byte, n uint64) [32]byte {
	var b []byte
	b = append(b, w.Name...)
	b = append(b, 0, what)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, n))
}

// Patient is the pseudonym of a person.
func (w World) Patient(person uint64) record.PatientID {
	h := w.hash('p', person)
	return record.PatientID(h[:16])
}

// Pseudonym is the same in hexadecimal, as on the wire.
func (w World) Pseudonym(person uint64) string {
	p := w.Patient(person)
	return hex.EncodeToString(p[:])
}

// EpisodeName and AnswerName are identifiers within System.
func EpisodeName(person uint64) string { return "e" + strconv.FormatUint(person, 10) }

// AnswerName is the identifier of an answer within System.
func AnswerName(n uint64) string { return "a" + strconv.FormatUint(n, 10) }

// referral spreads the referrals over a year.
func (w World) referral(person uint64) time.Time {
	h := w.hash('d', person)
	return firstReferral.AddDate(0, 0, int(binary.BigEndian.Uint32(h[:])%365))
}

// sum of the codes of an answer.
func (w World) sum(n uint64) int {
	s := slots[n%Slots]
	h := w.hash('c', n)
	return int(binary.BigEndian.Uint32(h[:]) % uint32(s.items*s.top+1))
}

// Expected is the score that answer n must have, in the units that the store
// counts, worked out without the product's own scoring.
func (w World) Expected(n uint64) int64 {
	s := slots[n%Slots]
	return int64(w.sum(n)) * int64(s.points) * int64(s.unit)
}

// Column is the column of outcome that answer n fills.
func Column(n uint64) string { return slots[n%Slots].instrument + "_" + slots[n%Slots].key }

// AppendEpisode appends the episode of a person as one JSON object.
func (w World) AppendEpisode(b []byte, person uint64) []byte {
	d := w.referral(person)
	day := func(name string, after int) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":"`...)
		b = d.AddDate(0, 0, after).AppendFormat(b, time.DateOnly)
		b = append(b, '"')
	}
	b = w.appendHead(b, EpisodeName(person), person)
	b = append(b, `,"kind":"episode","status":"active","updated_at":"`...)
	b = d.AddDate(0, 0, 18).AppendFormat(b, time.RFC3339)
	b = append(b, '"')
	day("referred_on", 0)
	day("first_contact_on", 8)
	day("treatment_start", 18)
	return append(b, `,"intervention":"core_therapy","provider":"RTR","region":"ZR1","sex":"female","age":50}`...)
}

// AppendAnswer appends answer n as one JSON object.
func (w World) AppendAnswer(b []byte, n uint64) []byte {
	s, person, sum := slots[n%Slots], n/Slots, w.sum(n)
	b = w.appendHead(b, AnswerName(n), person)
	b = append(b, `,"kind":"response","status":"completed","reported_by":"patient","provider":"RTR","instrument":"`...)
	b = append(b, s.instrument...)
	b = append(b, `","instrument_version":"`...)
	b = append(b, s.version...)
	b = append(b, `","answered_at":"`...)
	b = w.referral(person).AddDate(0, 0, s.day).Add(9*time.Hour).AppendFormat(b, time.RFC3339)
	b = append(b, `","answers":[`...)
	for i := range s.items {
		if i > 0 {
			b = append(b, ',')
		}
		code := min(sum, s.top)
		sum -= code
		b = strconv.AppendInt(b, int64(code), 10)
	}
	return append(b, "]}"...)
}

// appendHead opens an object with who and what it is about.
func (w World) appendHead(b []byte, name string, person uint64) []byte {
	b = append(b, `{"id":{"system":"`...)
	b = append(b, w.System()...)
	b = append(b, `","value":"`...)
	b = append(b, name...)
	b = append(b, `"},"programme":"`...)
	b = append(b, w.Programme...)
	b = append(b, `","patient":{"pseudonym":"`...)
	p := w.Patient(person)
	b = hex.AppendEncode(b, p[:])
	b = append(b, `"},"episode":"`...)
	b = append(b, EpisodeName(person)...)
	return append(b, '"')
}

// AppendFile appends the episodes and answers of people from..to−1, one a line.
func (w World) AppendFile(b []byte, from, to uint64) []byte {
	for person := from; person < to; person++ {
		b = append(w.AppendEpisode(b, person), '\n')
		for s := range Slots {
			b = append(w.AppendAnswer(b, person*Slots+s), '\n')
		}
	}
	return b
}
