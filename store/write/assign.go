package write

import (
	"cmp"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// derived is a row of outcome to be.
type derived struct {
	episode  int32 // of the snapshot
	version  uint64
	live     bool
	moved    bool  // a tombstone in the year that the episode has left
	from, to int32 // its cells
}

// filled is a cell of a row: the score that won it, or the index that its
// profile has.
type filled struct {
	cell  *cell
	score int32 // of the snapshot
	index float64
}

// candidate is an answer at a cell of an episode.
type candidate struct {
	episode, cell int32
	score         int32
	distance      int64
}

// assignment derives the rows of a snapshot, by the steps of data-model section 4.
type assignment struct {
	d     *derivation
	s     *snapshot
	moved bool
	rows  []derived
	cells []filled

	ofWord     []int // the branch of a programme's word, from 1
	firsts     map[[4]word]int
	heads      []int32 // the patient's current scores
	episodes   []int32 // the patient's current episodes
	candidates []candidate
}

// assign derives the rows of all episodes of the snapshot. With moved, an
// episode that has been in another financial year leaves a tombstone there:
// that is another partition of outcome and would keep the old row for ever.
func assign(d *derivation, s *snapshot, moved bool) *assignment {
	a := &assignment{d: d, s: s, moved: moved, ofWord: make([]int, len(s.words.texts)), firsts: map[[4]word]int{}}
	for i, text := range s.words.texts {
		a.ofWord[i] = len(d.rules) // of all programmes that are not registered
		for j := range d.rules[:len(d.rules)-1] {
			if d.rules[j].ID == text {
				a.ofWord[i] = j + 1
			}
		}
	}
	scores, episodes := orderedScores(s.scores), orderedEpisodes(s.episodes)
	for len(episodes) > 0 {
		patient := s.episodes[episodes[0]].patient
		for len(scores) > 0 && s.scores[scores[0]].patient.less(patient) {
			scores = scores[1:] // of a patient without episodes
		}
		n, m := 0, 0
		for n < len(scores) && s.scores[scores[n]].patient == patient {
			n++
		}
		for m < len(episodes) && s.episodes[episodes[m]].patient == patient {
			m++
		}
		a.patient(scores[:n], episodes[:m])
		scores, episodes = scores[n:], episodes[m:]
	}
	return a
}

// orderedScores sorts by patient, response and score, the highest version first.
func orderedScores(rows []scoreRow) []int32 {
	order := numbered(len(rows))
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &rows[i], &rows[j]
		if c := cmp.Compare(a.patient[0], b.patient[0]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.patient[1], b.patient[1]), cmp.Compare(a.response, b.response),
			cmp.Compare(a.score, b.score), cmp.Compare(a.algorithm, b.algorithm), cmp.Compare(a.valueSet, b.valueSet), cmp.Compare(b.version, a.version))
	})
	return order
}

// orderedEpisodes sorts by patient and episode, the highest version first.
func orderedEpisodes(rows []episodeRow) []int32 {
	order := numbered(len(rows))
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &rows[i], &rows[j]
		if c := cmp.Compare(a.patient[0], b.patient[0]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.patient[1], b.patient[1]), cmp.Compare(a.id, b.id), cmp.Compare(b.version, a.version))
	})
	return order
}

func numbered(n int) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	return order
}

// patient derives one patient's rows. The version sums the highest one of every
// score and episode, of whatever algorithm and programme, so that it never
// falls. Of the scores count those of their response's own highest version: an
// amendment or a retraction may name another instrument.
func (a *assignment) patient(scores, episodes []int32) {
	version := a.current(scores, episodes)
	a.candidates = a.candidates[:0]
	for from := 0; from < len(a.heads); {
		to, newest := from, uint64(0)
		for ; to < len(a.heads) && a.s.scores[a.heads[to]].response == a.s.scores[a.heads[from]].response; to++ {
			newest = max(newest, a.s.scores[a.heads[to]].version)
		}
		for _, i := range a.heads[from:to] {
			if r := &a.s.scores[i]; r.version == newest && r.byPatient && (r.hasUnits || r.hasValue) {
				a.attach(i)
			}
		}
		from = to
	}
	slices.SortFunc(a.candidates, func(x, y candidate) int {
		p, q := &a.s.scores[x.score], &a.s.scores[y.score]
		return cmp.Or(cmp.Compare(x.episode, y.episode), cmp.Compare(x.cell, y.cell), cmp.Compare(x.distance, y.distance),
			cmp.Compare(p.answeredAt, q.answeredAt), cmp.Compare(p.response, q.response))
	})
	next := 0
	for place, e := range a.episodes {
		from, last := int32(len(a.cells)), int32(0)
		for ; next < len(a.candidates) && a.candidates[next].episode == int32(place); next++ {
			if c := a.candidates[next]; c.cell != last {
				last = c.cell
				a.fill(&a.s.episodes[e], c)
			}
		}
		a.rows = append(a.rows, derived{episode: e, version: version, live: !a.s.episodes[e].inError, from: from, to: int32(len(a.cells))})
	}
	if a.moved {
		a.tombstones(version, episodes)
	}
}

// current leaves the highest version of each score and episode, and sums them.
func (a *assignment) current(scores, episodes []int32) (version uint64) {
	a.heads, a.episodes = a.heads[:0], a.episodes[:0]
	for _, i := range scores {
		r := &a.s.scores[i]
		if n := len(a.heads); n > 0 {
			h := &a.s.scores[a.heads[n-1]]
			if h.response == r.response && h.score == r.score && h.algorithm == r.algorithm && h.valueSet == r.valueSet {
				continue
			}
		}
		a.heads = append(a.heads, i)
		version += r.version
	}
	for _, i := range episodes {
		if n := len(a.episodes); n > 0 && a.s.episodes[a.episodes[n-1]].id == a.s.episodes[i].id {
			continue
		}
		a.episodes = append(a.episodes, i)
		version += a.s.episodes[i].version
	}
	return version
}

// attach gives a score its episode: the one it names, or the patient's latest of
// the programme that was referred on or before that day; of several of one day
// the one with the largest id.
func (a *assignment) attach(i int32) {
	r := &a.s.scores[i]
	if r.episode != 0 {
		for place, e := range a.episodes {
			if a.s.episodes[e].id == r.episode {
				a.candidate(i, place)
			}
		}
		return
	}
	best := -1
	for place, at := range a.episodes {
		e := &a.s.episodes[at]
		if e.inError || e.referred > r.answeredOn || a.ofWord[e.programme] != a.ofWord[r.programme] {
			continue
		}
		if best >= 0 {
			if b := &a.s.episodes[a.episodes[best]]; e.referred < b.referred || e.referred == b.referred && e.id < b.id {
				continue
			}
		}
		best = place
	}
	if best >= 0 {
		a.candidate(i, best)
	}
}

// candidate puts a score up for its cell of an episode, where it has one.
func (a *assignment) candidate(i int32, place int) {
	r, e := &a.s.scores[i], &a.s.episodes[a.episodes[place]]
	branch := a.ofWord[e.programme] - 1
	key := [4]word{word(branch), r.score, r.algorithm, r.valueSet}
	first, known := a.firsts[key]
	if !known {
		first = a.d.rules[branch].first[a.s.words.text(r.score)+"|"+a.s.words.text(r.algorithm)+"|"+a.s.words.text(r.valueSet)]
		a.firsts[key] = first
	}
	if first == 0 {
		return
	}
	at, distance := a.d.rules[branch].place(e, r.answeredOn, a.s.words.text(r.timepoint))
	if at == 0 {
		return
	}
	a.candidates = append(a.candidates, candidate{episode: int32(place), cell: int32(first + at - 1), score: i, distance: distance})
}

// fill notes the winner of a cell, and the indices that are a function of it, of
// the person's sex and of the age at answering: that at referral and the whole
// years since.
func (a *assignment) fill(e *episodeRow, c candidate) {
	r, rules := &a.s.scores[c.score], &a.d.rules[a.ofWord[e.programme]-1]
	a.cells = append(a.cells, filled{cell: &rules.cells[c.cell-1], score: c.score})
	indices := rules.indices[int(c.cell)]
	if len(indices) == 0 || !r.hasUnits || e.age == 0 {
		return
	}
	years := int(e.age) + wholeYears(record.Date(e.referred), record.Date(r.answeredOn))
	for _, i := range indices {
		if value, ok := rules.cells[i].mapping.Lookup(r.units, years, sexes[e.sex]); ok {
			a.cells = append(a.cells, filled{cell: &rules.cells[i], score: c.score, index: value})
		}
	}
}

// tombstones marks the years in which an earlier version of an episode was.
func (a *assignment) tombstones(version uint64, episodes []int32) {
	var head int32
	var years []int
	for place, i := range episodes {
		e := &a.s.episodes[i]
		year := record.Date(e.referred).FinancialYear()
		if place == 0 || e.id != a.s.episodes[head].id {
			head, years = i, append(years[:0], year)
			continue
		}
		if !slices.Contains(years, year) {
			years = append(years, year)
			a.rows = append(a.rows, derived{episode: i, version: version, moved: true})
		}
	}
}
