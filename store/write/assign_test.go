package write

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/record"
)

// TestWholeYearsAreTheEngines compares them for random days, for birthdays and
// for the ends of February, both ways.
func TestWholeYearsAreTheEngines(t *testing.T) {
	conn := chtest.New(t).Conn(t)
	random := rand.New(rand.NewPCG(7, 7))
	var pairs [][2]record.Date
	for range 500 {
		from := record.NewDate(2000, 1, 1) + record.Date(random.IntN(20_000))
		pairs = append(pairs, [2]record.Date{from, from + record.Date(random.IntN(4000)-2000)})
	}
	for _, year := range []int{2020, 2021, 2023, 2024, 2028} {
		for from := record.NewDate(year, 2, 27); from <= record.NewDate(year, 3, 2); from++ {
			for _, other := range []int{2019, 2020, 2022, 2024, 2025} {
				for to := record.NewDate(other, 2, 27); to <= record.NewDate(other, 3, 2); to++ {
					pairs = append(pairs, [2]record.Date{from, to})
				}
			}
		}
	}
	var list []string
	for _, p := range pairs {
		list = append(list, fmt.Sprintf("(%d, %d)", p[0], p[1]))
	}
	var years []int64
	err := conn.QueryRow(context.Background(),
		"SELECT arrayMap(p -> toInt64(age('year', toDate32(p.1), toDate32(p.2))), ["+strings.Join(list, ", ")+"])").Scan(&years)
	if err != nil || len(years) != len(pairs) {
		t.Fatalf("%d answers to %d, %v", len(years), len(pairs), err)
	}
	for i, p := range pairs {
		if got := wholeYears(p[0], p[1]); int64(got) != years[i] {
			t.Errorf("whole years from %s to %s = %d, the engine says %d", p[0], p[1], got, years[i])
		}
	}
}

// TestLexiconIsBounded: a column that holds no codes is told, not kept.
func TestLexiconIsBounded(t *testing.T) {
	var l lexicon
	for i := range 1 << 16 {
		if w, err := l.word(fmt.Sprint(i)); err != nil || l.text(w) != fmt.Sprint(i) {
			t.Fatalf("word %d: %v", i, err)
		}
	}
	if _, err := l.word("0"); err != nil {
		t.Errorf("a known word: %v", err)
	}
	if _, err := l.word("one more"); err == nil {
		t.Error("a word too many is taken")
	}
}
