package bulk_test

import (
	"os"
	"strconv"
	"testing"
)

// answersEach is how many times each episode answers.
const answersEach = 4

// items of the questionnaire, its codes from 0 to most.
const items, most = 10, 5

// population is a programme of episodes that answer four times each. All of it
// is made of numbers: the same in any run, in any order.
type population struct{ episodes int }

// episodesOf is how many episodes a benchmark has: those of the promise, or as
// many as the environment says.
func episodesOf(b *testing.B, name string, promised int) population {
	b.Helper()
	n := promised
	if text := os.Getenv(name); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			b.Fatalf("%s must be a number of episodes", name)
		}
	}
	return population{n}
}

func (p population) responses() int { return p.episodes * answersEach }

// mix spreads a number over 64 bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// episode is one of them.
type episode struct {
	number   int
	referred int // days since 1970
	wait     int // days
}

// firstReferral is 1 January 2023.
const firstReferral = 19358

func (p population) at(i int) episode {
	r := mix(uint64(i))
	return episode{number: i, referred: firstReferral + int(r%700), wait: 5 + int(r>>32%40)}
}

const hexDigits = "0123456789abcdef"

// pseudonym appends the key of the episode's patient.
func (e episode) pseudonym(b []byte) []byte {
	for _, half := range [2]uint64{mix(uint64(e.number) ^ 1<<40), mix(uint64(e.number) ^ 1<<41)} {
		for shift := 60; shift >= 0; shift -= 4 {
			b = append(b, hexDigits[half>>shift&15])
		}
	}
	return b
}

// id appends the sender's word for the episode.
func (e episode) id(b []byte) []byte { return strconv.AppendInt(append(b, 'E'), int64(e.number), 10) }

// contact and start are the days of first contact and of treatment.
func (e episode) contact() int { return e.referred + e.wait }
func (e episode) start() int   { return e.contact() + 14 }

// answered is the day of the nth answer: at first contact, at discharge, after
// six and twelve months, each within its timepoint's window.
func (e episode) answered(n int) int {
	late := int(mix(uint64(e.number)<<3|uint64(n)) % 14)
	return [answersEach]int{e.contact(), e.start() + 90, e.start() + 182 + late, e.start() + 365 + late}[n]
}

// codes are the nth answer; −1 is none. At most one item has none, so that
// every answer has a score.
func (e episode) codes(n int) (codes [items]int8) {
	r := mix(uint64(e.number)<<3 | uint64(n) | 1<<50)
	for i := range codes {
		codes[i] = int8(r % (most + 1))
		r /= most + 1
	}
	if r%16 == 0 {
		codes[r/16%items] = -1
	}
	return codes
}

// percent is the score of codes in percent, computed here on its own: what was
// answered of what could be.
func percent(codes [items]int8) float64 {
	sum, answered := 0, 0
	for _, c := range codes {
		if c >= 0 {
			sum, answered = sum+int(c), answered+1
		}
	}
	return 100 * float64(sum) / float64(most*answered)
}

// truth is what the store must hold of the answers: how many, and their mean at
// each of the four.
type truth struct {
	responses int
	mean      [answersEach]float64
}

func (p population) truth() truth {
	t := truth{responses: p.responses()}
	for n := range t.mean {
		sum := 0.0
		for i := range p.episodes {
			sum += percent(p.at(i).codes(n))
		}
		t.mean[n] = sum / float64(p.episodes)
	}
	return t
}
