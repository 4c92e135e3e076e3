package queries_test

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// episode is one row of outcome: a value for each column that has one, texts,
// or numbers in points.
type episode map[string]any

func (e episode) text(column string) string { s, _ := e[column].(string); return s }

func (e episode) number(column string) (float64, bool) { v, ok := e[column].(float64); return v, ok }

// referred is the episode with a day of referral.
func (e episode) referred(day time.Time) episode {
	e["referred_on"], e["fy"] = day.Format(time.DateOnly), day.Year()
	if day.Month() < time.April {
		e["fy"] = day.Year() - 1
	}
	return e
}

// has says whether all the columns have a value.
func (e episode) has(columns ...string) bool {
	for _, c := range columns {
		switch v := e[c].(type) {
		case nil:
			return false
		case string:
			if v == "" || v == "unknown" {
				return false
			}
		}
	}
	return true
}

// dimension is the group that an episode is in.
func (e episode) dimension(name string) string {
	switch name {
	case "year":
		return fmt.Sprint(e["fy"])
	case "month":
		return e.text("referred_on")[:7] + "-01"
	case "quarter":
		day, _ := time.Parse(time.DateOnly, e.text("referred_on"))
		return fmt.Sprintf("%d-%02d-01", day.Year(), (int(day.Month())-1)/3*3+1)
	case "period_year": // as trend writes it
		return fmt.Sprintf("%v-04-01", e["fy"])
	case "imd_quintile":
		d, _ := e.number("imd_decile")
		if d == 0 {
			return ""
		}
		return fmt.Sprint(int(d+1) / 2)
	case "sex", "startback_risk":
		if e.text(name) == "unknown" {
			return ""
		}
	}
	return e.text(name)
}

// desk is a desk on the real engine that holds the episodes.
type desk struct {
	*queries.Desk
	store *store.Store
	db    *chtest.DB
	rows  []episode
}

// open stores the episodes as one committed batch.
func open(t testing.TB, rows []episode) *desk {
	t.Helper()
	d := &desk{db: chtest.New(t)}
	var err error
	d.store, err = store.Open(context.Background(), store.Config{
		Addr: d.db.Addr, HTTPAddr: d.db.HTTPAddr, Database: d.db.Database, User: d.db.User, Password: d.db.Password,
		Programmes: programme.All(), Clock: func() time.Time { return today },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.store.Close() })
	d.add(t, rows)
	d.Desk = d.another()
	return d
}

// another is a desk of another process on the same data.
func (d *desk) another() *queries.Desk {
	return queries.New(queries.Config{
		Reader: d.store.Reader(), Receipts: d.store.Writer(), CodeVersion: "test", Clock: func() time.Time { return today },
	})
}

// add stores further episodes and commits them.
func (d *desk) add(t testing.TB, rows []episode) {
	t.Helper()
	catalogue, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"patient_id", "episode_id", "version", "live"}
	for _, c := range catalogue.Columns() {
		names = append(names, "`"+c.Name+"`")
	}
	ctx, conn := context.Background(), d.db.Conn(t)
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO outcome ("+strings.Join(names, ", ")+")")
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Close()
	for _, r := range rows {
		id := len(d.rows) + 1
		d.rows = append(d.rows, r)
		values := []any{big.NewInt(int64(id)), uint64(id), uint64(1), uint8(1)}
		for _, c := range catalogue.Columns() {
			values = append(values, stored(r, c))
		}
		if err := batch.Append(values...); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO batch (number, state, at, rows, data_version) SELECT %[1]d, 'committed', now64(3), 0, %[1]d", len(d.rows)))
	if err != nil {
		t.Fatal(err)
	}
}

// stored is a value as its column keeps it.
func stored(r episode, c schema.Column) any {
	number, has := r.number(c.Name)
	switch c.Type {
	case "UInt16":
		return uint16(r["fy"].(int))
	case "Date32":
		if day, err := time.Parse(time.DateOnly, r.text(c.Name)); err == nil {
			return day
		}
		return time.Date(r["fy"].(int), 6, 1, 0, 0, 0, 0, time.UTC)
	case "UInt8":
		return uint8(number)
	case "Nullable(Int32)":
		if !has {
			return nil
		}
		return int32(math.Round(number * float64(c.Unit)))
	case "Nullable(Float64)":
		if !has {
			return nil
		}
		return number
	case "Nullable(Date32)":
		return nil
	}
	if c.Kind == schema.Enum && r.text(c.Name) == "" {
		return "unknown"
	}
	return r.text(c.Name)
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// backPain is a population of the back-pain programme: confounded by severity,
// some follow-ups missing, providers in regions.
func backPain(n int) []episode {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]episode, n)
	for i := range rows {
		region := r.IntN(4)
		provider := region*4 + r.IntN(4)
		severity := r.NormFloat64()
		arm := "core_therapy"
		if severity+r.NormFloat64() > 0.3 {
			arm = pick(r, "cppp", "surgery")
		}
		effect := map[string]float64{"core_therapy": 0, "cppp": -6, "surgery": -10}[arm]
		baseline := clamp(44+14*severity+6*r.NormFloat64(), 10, 98)
		age := math.Round(clamp(50+14*r.NormFloat64(), 18, 90))
		followUp := clamp(0.7*baseline-2+effect+0.1*(age-50)+3*float64(provider%3)+9*r.NormFloat64(), 0, 100)
		e := episode{
			"programme": "back-pain", "fy": 2023 + r.IntN(2), "intervention": arm, "region": fmt.Sprintf("Y%d", 60+region),
			"provider": fmt.Sprintf("R%02d", provider), "sex": pick(r, "female", "female", "male"), "age": age,
			"imd_decile": float64(1 + r.IntN(10)), "startback_risk": pick(r, "low", "medium", "high"),
			"ethnic_group": pick(r, "White", "White", "White", "Asian", "Black"), "symptom_duration": pick(r, "lt_6w", "6w_12w", "3m_12m", "gt_12m"),
			"prior_surgery": float64(r.IntN(2)), "comorbidity_count": float64(r.IntN(5)), "bmi": math.Round(27 + 4*r.NormFloat64()),
			"smoker": float64(r.IntN(2)), "opioid_use": float64(r.IntN(2)), "work_status": pick(r, "working", "retired"),
			"odi_baseline": even(baseline), "odi_12m": even(followUp),
			"nrs_back_baseline": math.Round(clamp(baseline/10, 0, 10)), "nrs_back_12m": math.Round(clamp(followUp/10, 0, 10)),
		}
		if r.IntN(100) == 0 {
			e["sex"] = "unknown"
		}
		if r.IntN(5) == 0 {
			delete(e, "odi_12m")
		}
		if r.IntN(9) == 0 {
			delete(e, "bmi")
		}
		rows[i] = e
	}
	return rows
}

// dated gives the episodes days of referral over so many months, a few in some.
func dated(rows []episode, months int) []episode {
	r := rand.New(rand.NewPCG(9, uint64(months)))
	start := time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, e := range rows {
		month := r.IntN(months)
		if month%7 == 3 && r.IntN(8) > 0 {
			month = 0
		}
		e.referred(start.AddDate(0, month, r.IntN(28)))
	}
	return rows
}

// hipsAndKnees is a population of the programme whose records carry their own
// predictions.
func hipsAndKnees(n int) []episode {
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]episode, n)
	for i := range rows {
		procedure := pick(r, "hip_primary", "hip_primary", "knee_primary", "knee_primary")
		if r.IntN(20) == 0 {
			procedure = "hip_revision"
		}
		score := "ohs"
		if strings.HasPrefix(procedure, "knee") {
			score = "oks"
		}
		provider := r.IntN(14)
		before := math.Round(clamp(18+8*r.NormFloat64(), 0, 48))
		after := math.Round(clamp(36+0.3*(before-18)+0.5*float64(provider-7)+8*r.NormFloat64(), 0, 48))
		e := episode{
			"programme": "nhs-proms", "fy": 2016, "procedure": procedure, "provider": fmt.Sprintf("N%02d", provider),
			"sex": pick(r, "female", "male"), "age_band": pick(r, "55-64", "65-74", "75-84"),
			score + "_baseline": before, score + "_6m": after, score + "_6m_predicted": 35 + 0.33*(before-18) + r.NormFloat64(),
			"eqvas_baseline": math.Round(clamp(65+20*r.NormFloat64(), 0, 100)), "eqvas_6m": math.Round(clamp(77+17*r.NormFloat64(), 0, 100)),
			"eqvas_6m_predicted": 77 + r.NormFloat64(),
		}
		if r.IntN(6) == 0 {
			delete(e, score+"_6m_predicted")
		}
		rows[i] = e
	}
	return rows
}

func clamp(x, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, x)) }

// even rounds to the points that an ODI with ten answers can have.
func even(x float64) float64 { return 2 * math.Round(x/2) }

// table is an answer by column name.
type table struct {
	*queries.Answer
	t testing.TB
}

func (d *desk) ask(t testing.TB, name string, undisclosed bool, params ...string) table {
	t.Helper()
	return askOf(t, d.Desk, name, undisclosed, params...)
}

func askOf(t testing.TB, d *queries.Desk, name string, undisclosed bool, params ...string) table {
	t.Helper()
	return askBy(t, d, "test", name, undisclosed, params...)
}

func askBy(t testing.TB, d *queries.Desk, actor, name string, undisclosed bool, params ...string) table {
	t.Helper()
	q := queries.Question{Name: name, Params: map[string][]string{}, Actor: actor, Undisclosed: undisclosed}
	for i := 0; i < len(params); i += 2 {
		q.Params[params[i]] = queries.SplitList(params[i+1])
	}
	a, err := d.Ask(context.Background(), q)
	if err != nil {
		t.Fatalf("ask %s %v: %v", name, params, err)
	}
	return table{a, t}
}

func (a table) at(row int, column string) any {
	a.t.Helper()
	i := a.Index(column)
	if i < 0 {
		a.t.Fatalf("the answer has no column %s", column)
	}
	return a.Rows[row].Values[i]
}

// near checks a number to a relative tolerance; want NaN means null.
func (a table) near(row int, column string, want, tol float64) {
	a.t.Helper()
	got, ok := a.at(row, column).(float64)
	switch {
	case math.IsNaN(want):
		if a.at(row, column) != nil {
			a.t.Errorf("row %d %s = %v, want null", row, column, a.at(row, column))
		}
	case !ok || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)):
		a.t.Errorf("row %d %s = %v, want %v", row, column, a.at(row, column), want)
	}
}

func (a table) same(row int, column string, want any) {
	a.t.Helper()
	if got := a.at(row, column); got != want {
		a.t.Errorf("row %d %s = %v, want %v", row, column, got, want)
	}
}
