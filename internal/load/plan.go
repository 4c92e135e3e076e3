package load

import (
	"math/rand/v2"
	"strconv"
	"sync"
)

// Parcel is what one request posts: episodes, or answers.
type Parcel struct {
	// Episodes says that Numbers are people, whose episodes are posted.
	Episodes bool
	// Numbers are of answers, or of people. One alone goes as a JSON object,
	// several go one a line.
	Numbers []uint64
}

func (p Parcel) path() string {
	if p.Episodes {
		return "/v1/episodes"
	}
	return "/v1/responses"
}

// media is the type of the parcel's body.
func (p Parcel) media() string {
	if len(p.Numbers) > 1 {
		return "application/x-ndjson"
	}
	return "application/json"
}

// appendBody appends the body.
func (p Parcel) appendBody(b []byte, w World) []byte {
	for i, n := range p.Numbers {
		if i > 0 {
			b = append(b, '\n')
		}
		if p.Episodes {
			b = w.AppendEpisode(b, n)
		} else {
			b = w.AppendAnswer(b, n)
		}
	}
	return b
}

// key names the parcel, for Idempotency-Key.
func (p Parcel) key(w World) string {
	return w.Name + p.path() + "/" + strconv.FormatUint(p.Numbers[0], 10)
}

// Plan deals parcels in a seeded order until it is stopped. It may be asked by
// several workers.
type Plan struct {
	mu      sync.Mutex
	deal    func() []Parcel // the next ones; none at the end
	waiting []Parcel
	left    int // how many more may be dealt; negative = all
}

// people dealt together by NewPlan.
const block = 40

// NewPlan deals without end: the episodes and all answers of forty people at a
// time in random order, so that an answer may come before its episode. Of a
// hundred answers about eighty go in bodies of 20–50, the others alone.
func NewPlan(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 1))
	next := uint64(0)
	return &Plan{left: -1, deal: func() []Parcel {
		var people, answers []uint64
		for person := next; person < next+block; person++ {
			people = append(people, person)
			for s := range Slots {
				answers = append(answers, person*Slots+s)
			}
		}
		next += block
		r.Shuffle(len(answers), func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
		parcels := []Parcel{{Episodes: true, Numbers: people}}
		alone := len(answers) / 5
		for _, n := range answers[:alone] {
			parcels = append(parcels, Parcel{Numbers: []uint64{n}})
		}
		for rest := answers[alone:]; len(rest) > 0; {
			size := min(20+r.IntN(31), len(rest))
			parcels = append(parcels, Parcel{Numbers: rest[:size]})
			rest = rest[size:]
		}
		r.Shuffle(len(parcels), func(i, j int) { parcels[i], parcels[j] = parcels[j], parcels[i] })
		return parcels
	}}
}

// Deal deals these parcels, in order.
func Deal(parcels []Parcel) *Plan {
	return &Plan{waiting: parcels, left: -1, deal: func() []Parcel { return nil }}
}

// Numbers are parcels of at most size numbers each, from..to−1.
func Numbers(episodes bool, from, to uint64, size int) []Parcel {
	var out []Parcel
	for from < to {
		n := min(uint64(size), to-from)
		p := Parcel{Episodes: episodes, Numbers: make([]uint64, n)}
		for i := range p.Numbers {
			p.Numbers[i] = from + uint64(i)
		}
		out = append(out, p)
		from += n
	}
	return out
}

// Singles is a seeded order of single answers, from..to−1.
func Singles(seed, from, to uint64) []Parcel {
	out := Numbers(false, from, to, 1)
	r := rand.New(rand.NewPCG(seed, 2))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Next deals one; ok is false at the end.
func (p *Plan) Next() (parcel Parcel, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return Parcel{}, false
	}
	if len(p.waiting) == 0 {
		if p.waiting = p.deal(); len(p.waiting) == 0 {
			return Parcel{}, false
		}
	}
	p.left = max(p.left-1, -1)
	parcel, p.waiting = p.waiting[0], p.waiting[1:]
	return parcel, true
}

// StopAfter lets the plan deal so many parcels more.
func (p *Plan) StopAfter(parcels int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = parcels
}
