package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/write"
)

func dayOf(t *testing.T, text string) record.Date {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := record.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// board is an ICB during a time.
func board(t *testing.T, code, successor, from, to string) record.Organisation {
	t.Helper()
	return record.Organisation{
		Code: code, CodeSystem: record.CodeODS, Kind: record.KindICB, Name: "Board " + code, Successor: successor,
		ValidFrom: dayOf(t, from), ValidTo: dayOf(t, to),
	}
}

func loadCounts(l write.Loaded) [4]int { return [4]int{l.Rows, l.Added, l.Changed, l.Removed} }

// TestOrganisationsOverTime: files of several kinds join; the same again changes
// nothing; a merger is a changed row and a new one; a dry run stores nothing;
// what can not be true with what is stored is refused, and the list stays.
func TestOrganisationsOverTime(t *testing.T) {
	s, conn := open(t)
	ctx := t.Context()
	lists := s.References()
	load := func(what string, want [4]int, replace bool, o write.Load, list ...record.Organisation) {
		t.Helper()
		got, err := lists.Organisations(ctx, list, replace, o)
		if err != nil || loadCounts(got) != want {
			t.Errorf("%s: %v, %v, want %v", what, loadCounts(got), err, want)
		}
	}
	former := board(t, "QAA", "", "2022-07-01", "")
	region := record.Organisation{Code: "Y63", CodeSystem: record.CodeODS, Kind: record.KindRegion, Name: "North East's \\ \n\"Yorkshire\" €"}
	load("dry run", [4]int{1, 1, 0, 0}, false, write.Load{DryRun: true}, former)
	load("first", [4]int{1, 1, 0, 0}, false, write.Load{}, former)
	load("another kind", [4]int{2, 1, 0, 0}, false, write.Load{}, region)
	load("again", [4]int{2, 0, 0, 0}, false, write.Load{}, region)
	merger := []record.Organisation{board(t, "QAA", "QNN", "2022-07-01", "2026-03-31"), board(t, "QNN", "", "2026-04-01", "")}
	load("merger", [4]int{3, 1, 1, 0}, false, write.Load{}, merger...)
	for what, wrong := range map[string][]record.Organisation{
		"two entries that hold at once": {board(t, "QNN", "", "2025-01-01", "")},
		"its own successor":             {board(t, "QNN", "QAA", "2026-04-01", "2027-03-31")},
	} {
		var state *write.StateError
		if _, err := lists.Organisations(ctx, wrong, false, write.Load{}); !errors.As(err, &state) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want a refusal that says: %s", err, what)
		}
	}
	o, l, err := s.Reader().Organisations(ctx)
	if err != nil || !slices.Equal(o.List(), []record.Organisation{merger[0], merger[1], region}) || l.Rows != 3 || !l.ReceivedAt.Equal(received.Add(time.Minute)) {
		t.Fatalf("%+v of %+v, %v", o.List(), l, err)
	}
	if got := o.AsNow("QAA", dayOf(t, "2026-04-01")); got != "QNN" {
		t.Errorf("QAA is %s now", got)
	}
	load("replace", [4]int{2, 0, 0, 1}, true, write.Load{}, merger...)
	var versions uint64
	if err := conn.QueryRow(ctx, "SELECT uniqExact(version) FROM organisation").Scan(&versions); err != nil || versions > 2 {
		t.Errorf("%d versions of the list are kept, %v", versions, err)
	}
}

// TestAsNowMovesTotals is the acceptance of the merger of 1 April 2026: by the
// boards of the time of referral the totals stay what they were, by those of
// today they move, and nobody is lost.
func TestAsNowMovesTotals(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	var f facts
	for i := range byte(30) {
		f.episodes = append(f.episodes, record.Episode{
			PatientID: record.PatientID{i}, ID: uint64(i) + 1, Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
			ReferredOn: dayOf(t, "2026-03-01"), ReceivedAt: received, Region: []string{"QAA", "QBB", "QCC"}[i%3],
		})
	}
	put(t, s, f)
	if _, err := s.References().Organisations(ctx, []record.Organisation{
		board(t, "QAA", "QNN", "2022-07-01", "2026-03-31"), board(t, "QBB", "QNN", "2022-07-01", "2026-03-31"),
		board(t, "QNN", "QXX", "2026-04-01", "2027-03-31"), board(t, "QXX", "", "2027-04-01", ""), board(t, "QCC", "", "2022-07-01", ""),
	}, false, write.Load{}); err != nil {
		t.Fatal(err)
	}
	o, _, err := s.Reader().Organisations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	asWas, err := s.Reader().Count(ctx, read.Selection{Programme: "back-pain", By: []string{"region"}})
	if err != nil || len(asWas) != 3 {
		t.Fatal(asWas, err)
	}
	for on, want := range map[string]map[string]int64{
		"2026-03-31": {"QAA": 10, "QBB": 10, "QCC": 10},
		"2026-04-01": {"QNN": 20, "QCC": 10},
		"2027-04-01": {"QXX": 20, "QCC": 10}, // a chain of two
	} {
		got := map[string]int64{}
		for _, c := range asWas {
			got[o.AsNow(c.Key[0], dayOf(t, on))] += c.N
		}
		if len(got) != len(want) {
			t.Errorf("on %s: %v, want %v", on, got, want)
		}
		for code, n := range want {
			if got[code] != n {
				t.Errorf("on %s: %s has %d, want %d", on, code, got[code], n)
			}
		}
	}
}

func areas(edition byte, codes ...string) (list []record.Deprivation) {
	for i, code := range codes {
		list = append(list, record.Deprivation{LSOA: code, Decile: uint8(i)%10 + edition})
	}
	return list
}

// TestDecilesAreNotGuessed: an area has the decile of the edition that is asked
// for; without one only where a single edition has the area.
func TestDecilesAreNotGuessed(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	for edition, list := range map[string][]record.Deprivation{
		"2019": areas(1, "E01000001", "E01000002"), "2025": areas(5, "E01000001", "E01030001"),
	} {
		if got, err := s.References().Deprivation(ctx, edition, list, write.Load{}); err != nil || loadCounts(got) != [4]int{2, 2, 0, 0} || got.Edition != edition {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	asked := []string{"E01000001", "E01000002", "E01030001", "E01099999", "it's none"}
	in := func(edition string, decile uint8) read.Decile { return read.Decile{Edition: edition, Decile: decile} }
	for edition, want := range map[string]map[string]read.Decile{
		"2019": {"E01000001": in("2019", 1), "E01000002": in("2019", 2)},
		"2025": {"E01000001": in("2025", 5), "E01030001": in("2025", 6)},
		"":     {"E01000002": in("2019", 2), "E01030001": in("2025", 6)},
		"2010": {},
	} {
		got, err := s.Reader().Deciles(ctx, asked, edition)
		if err != nil || len(got) != len(want) {
			t.Errorf("edition %q: %v, %v, want %v", edition, got, err, want)
		}
		for area, d := range want {
			if got[area] != d {
				t.Errorf("edition %q: %s = %v, want %v", edition, area, got[area], d)
			}
		}
	}
	got, err := s.References().Deprivation(ctx, "2019", areas(2, "E01000001", "E01000003"), write.Load{})
	if err != nil || loadCounts(got) != [4]int{2, 1, 1, 1} {
		t.Errorf("another list of an edition: %+v, %v", got, err)
	}
	if d, err := s.Reader().Deciles(ctx, asked, "2019"); err != nil || d["E01000001"].Decile != 2 || len(d) != 1 {
		t.Errorf("after it: %v, %v", d, err)
	}
}

// TestOptOutsReplaceAsAWhole: with its date, and never by an older list.
func TestOptOutsReplaceAsAWhole(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	lists := s.References()
	people := func(of ...byte) (list []record.PatientID) {
		for _, n := range of {
			list = append(list, record.PatientID{n, 15: n})
		}
		return list
	}
	day := received.AddDate(0, 0, -10)
	for _, c := range []struct {
		people []record.PatientID
		at     time.Time
		want   [4]int
	}{
		{people(200, 1, 2, 1), day, [4]int{3, 3, 0, 0}},
		{people(2, 3), day.AddDate(0, 0, 1), [4]int{2, 1, 0, 2}},
		{people(3, 2), day.AddDate(0, 0, 2), [4]int{2, 0, 0, 0}},
		{people(), day.AddDate(0, 0, 3), [4]int{0, 0, 0, 2}},
		{people(7), time.Time{}, [4]int{1, 1, 0, 0}},
	} {
		got, err := lists.OptOuts(ctx, c.people, write.Load{ReceivedAt: c.at})
		if err != nil || loadCounts(got) != c.want {
			t.Errorf("%d people: %v, %v, want %v", len(c.people), loadCounts(got), err, c.want)
		}
		l, ok, err := s.Reader().List(ctx, read.ListOptOuts, "")
		if err != nil || !ok || l.Rows != uint64(c.want[0]) || !c.at.IsZero() && !l.ReceivedAt.Equal(c.at) {
			t.Errorf("the list in force is %+v, %t, %v", l, ok, err)
		}
	}
	for what, at := range map[string]time.Time{"received later": day, "in the future": received.AddDate(1, 0, 0)} {
		if _, err := lists.OptOuts(ctx, people(1), write.Load{ReceivedAt: at}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want a refusal: %s", err, what)
		}
	}
}

// TestTheWrongListIsRefused: the national service sends back those who may be
// used. Taken for the list of opt-outs it would release the others.
func TestTheWrongListIsRefused(t *testing.T) {
	s, _ := open(t)
	var f facts
	var all []record.PatientID
	for i := range byte(40) {
		all = append(all, record.PatientID{i, 1})
		f.episodes = append(f.episodes, record.Episode{PatientID: all[i], ID: 1, Version: 1, Status: record.EpisodeActive, Programme: "back-pain", ReceivedAt: received})
	}
	put(t, s, f)
	few, err := s.References().OptOuts(t.Context(), all[:2], write.Load{})
	if err != nil || *few.People != 40 || *few.Matched != 2 {
		t.Fatalf("%+v, %v", few, err)
	}
	var state *write.StateError
	if _, err := s.References().OptOuts(t.Context(), all[2:], write.Load{}); !errors.As(err, &state) || !strings.Contains(err.Error(), "38 of the 40") {
		t.Errorf("most people opted out: %v", err)
	}
	if l, _, err := s.Reader().List(t.Context(), read.ListOptOuts, ""); err != nil || l.Rows != 2 {
		t.Errorf("the list in force is %+v, %v", l, err)
	}
}

// TestACrashLeavesTheFormerList: rows without the row that makes them current
// are not read, whenever the load was cut short, and cleared by the next one.
func TestACrashLeavesTheFormerList(t *testing.T) {
	db := chtest.New(t)
	conn, ctx := db.Conn(t), context.Background()
	s, err := store.Open(ctx, config(db))
	if err != nil {
		t.Fatal(err)
	}
	first := []record.Organisation{board(t, "QAA", "", "2022-07-01", "")}
	if _, err := s.References().Organisations(ctx, first, false, write.Load{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.References().OptOuts(ctx, []record.PatientID{{1}}, write.Load{}); err != nil {
		t.Fatal(err)
	}
	for _, half := range []string{
		"INSERT INTO organisation (code, valid_from, version, kind, name) VALUES ('QBB', '2022-07-01', 2, 'icb', 'half of a list')",
		"INSERT INTO opt_out (patient_id, version) VALUES (7, 2)",
	} {
		if err := conn.Exec(ctx, half); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, db)
	o, _, err := s.Reader().Organisations(ctx)
	if err != nil || !slices.Equal(o.List(), first) {
		t.Errorf("after the crash: %+v, %v", o.List(), err)
	}
	if l, _, err := s.Reader().List(ctx, read.ListOptOuts, ""); err != nil || l.Rows != 1 || l.Version != 1 {
		t.Errorf("after the crash: %+v, %v", l, err)
	}
	if got, err := s.References().OptOuts(ctx, []record.PatientID{{2}}, write.Load{}); err != nil || loadCounts(got) != [4]int{1, 1, 0, 1} {
		t.Errorf("the next load: %+v, %v", got, err)
	}
	var left uint64
	if err := conn.QueryRow(ctx, "SELECT countIf(patient_id = 7) FROM opt_out").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of the load that was cut short are left, %v", left, err)
	}
}

// TestReadersSeeOneList: while lists are loaded, whoever reads sees one of them
// as a whole.
func TestReadersSeeOneList(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	list := func(n int) (all []record.Organisation) {
		for i := range 2000 {
			o := board(t, "Q"+string(rune('A'+i%26))+string(rune('A'+i/26%26))+string(rune('A'+i/676)), "", "2022-07-01", "")
			o.Name = string(rune('a' + n))
			all = append(all, o)
		}
		return all
	}
	if _, err := s.References().Organisations(ctx, list(0), true, write.Load{}); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for !done.Load() {
				o, _, err := s.Reader().Organisations(ctx)
				if err != nil && !strings.Contains(err.Error(), "ask again") {
					t.Error(err)
				}
				if err != nil {
					continue
				}
				all := o.List()
				if len(all) != 2000 || slices.ContainsFunc(all, func(v record.Organisation) bool { return v.Name != all[0].Name }) {
					t.Errorf("%d organisations of more than one list", len(all))
				}
			}
		})
	}
	for n := 1; n < 8; n++ {
		if got, err := s.References().Organisations(ctx, list(n), true, write.Load{}); err != nil || loadCounts(got) != [4]int{2000, 0, 2000, 0} {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	done.Store(true)
	wait.Wait()
}
