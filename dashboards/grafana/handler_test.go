package grafana

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/lumbar-health/lumbar/dashboards/internal/fixture"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// serve starts the read protocol over made-up answers and returns a client of
// the Prometheus project for it.
func serve(t *testing.T) (*fixture.Desk, promv1.API, string) {
	t.Helper()
	desk := fixture.New()
	everybody := func(next http.Handler) http.Handler { return next }
	r := web.Router(Routes(desk, fixture.Programmes(), slog.New(slog.NewTextHandler(io.Discard, nil))), everybody)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	client, err := api.NewClient(api.Config{Address: server.URL + BasePath})
	if err != nil {
		t.Fatal(err)
	}
	return desk, promv1.NewAPI(client), server.URL + BasePath
}

func ask(t *testing.T, c promv1.API, query string) (model.Vector, promv1.Warnings, promv1.Infos) {
	t.Helper()
	v, warnings, infos, err := c.Query(context.Background(), query, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v.(model.Vector), warnings, infos
}

func TestInstantQueries(t *testing.T) {
	_, c, _ := serve(t)
	for _, tc := range []struct {
		query string
		want  int // series
	}{
		{`lumbar_patients{programme="alpha",instrument="odi"}`, 1},
		{`lumbar_patients`, 4},                      // two programmes, two instruments each
		{`(lumbar_patients{programme=~"al.*"})`, 2}, // both instruments
		{`lumbar_patients{programme!="alpha"}`, 2},  // the other one
		{`lumbar_patients{programme="nobody"}`, 0},  // no such programme
		{`lumbar_patients{instrument="ohs"}`, 1},    // found in the programme that has it
		{`lumbar_patients{programme="alpha",instrument="odi",timepoint=~".+"}`, 2},
		{`lumbar_patients{programme="alpha",instrument="odi",timepoint="6m"}`, 1},
		{`lumbar_patients{programme="alpha",instrument="odi",sex!=""}`, 2},
		{`lumbar_patients{programme="alpha",instrument="odi",sex="female"}`, 1},
		{`lumbar_patients{programme="alpha",instrument="odi",sex="",provider=""}`, 1},
		{`lumbar_patients{programme="alpha",instrument="odi",sex!="",region=~"Y5.*"}`, 4},
		{`lumbar_patients{programme="alpha",instrument="odi",year="2024"}`, 1},
		{`lumbar_patients{programme="alpha",instrument="odi",year=~"20.*"}`, 2},
		{`lumbar_patients{instrument="ohs",region!=""}`, 0}, // that programme has no regions
		{`lumbar_patients{instrument="odi",colour="red"}`, 0},
		{`lumbar_gain_mean{instrument="odi",adjusted="false"}`, 1},
		{`lumbar_gain_mean{instrument="odi",adjusted="true"}`, 0},
		{`{__name__=~"lumbar_gain_(lower|upper)",instrument="odi"}`, 2},
		{`lumbar_compare_estimate{instrument="odi",adjusted="true",region!="",intervention="cppp"}`, 3},
		{`lumbar_compare_estimate{instrument="odi",adjusted="true",region!=""}`, 5}, // one withheld
		{`lumbar_compare_estimate{instrument="odi",adjusted="true",region=""}`, 2},  // pooled
		{`lumbar_compare_estimate{instrument="odi",intervention="cppp",region="Y56"}`, 2},
		{`lumbar_compare_estimate{programme="beta"}`, 0}, // compares nothing
	} {
		v, _, _ := ask(t, c, tc.query)
		if len(v) != tc.want {
			t.Errorf("%s: %d series, want %d: %v", tc.query, len(v), tc.want, v)
		}
		seen := map[model.Fingerprint]bool{}
		for _, s := range v {
			if seen[s.Metric.Fingerprint()] {
				t.Errorf("%s: series %v twice", tc.query, s.Metric)
			}
			seen[s.Metric.Fingerprint()] = true
		}
	}
}

func TestWithheldValuesAreWarningsNotNumbers(t *testing.T) {
	_, c, _ := serve(t)
	v, warnings, infos := ask(t, c, `lumbar_funnel_value{programme="alpha",instrument="odi",provider!=""}`)
	if len(v) != 6 {
		t.Errorf("%d series, want 6: eight providers, one withheld, one under 30 records", len(v))
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "1 of alpha withheld") {
		t.Errorf("warnings = %q", warnings)
	}
	if len(infos) != 1 || !strings.Contains(infos[0], "too few records") {
		t.Errorf("infos = %q", infos)
	}
	for _, s := range v {
		if s.Value == 0 || s.Value == -1 {
			t.Errorf("%v = %v stands in place of a missing value", s.Metric, s.Value)
		}
	}
}

func TestSeriesCarryTheirLabels(t *testing.T) {
	_, c, _ := serve(t)
	v, _, _ := ask(t, c, `lumbar_compare_estimate{instrument="odi",adjusted="true",region="Y56",intervention="cppp"}`)
	want := model.Metric{
		"__name__": "lumbar_compare_estimate", "programme": "alpha", "instrument": "odi", "timepoint": "12m",
		"adjusted": "true", "region": "Y56", "intervention": "cppp", "reference": "core",
	}
	if len(v) != 1 || !v[0].Metric.Equal(want) {
		t.Errorf("got %v, want %v", v, want)
	}
	flags, _, _ := ask(t, c, `lumbar_funnel_outlier{instrument="odi",provider!=""}`)
	if len(flags) != 6 {
		t.Errorf("%d flags, want 6", len(flags))
	}
}

func TestQuestionsCarryParameters(t *testing.T) {
	desk, c, _ := serve(t)
	ask(t, c, `lumbar_compare_estimate{instrument="odi",adjusted="false",timepoint="6m",year="2024",region!=""}`)
	asked := desk.Asked()
	if len(asked) != 1 {
		t.Fatalf("%d questions, want 1", len(asked))
	}
	want := map[string][]string{
		"programme": {"alpha"}, "instrument": {"odi"}, "timepoint": {"6m"}, "year": {"2024"},
		"by": {"region"}, "interventions": {"core", "cppp", "surgery"}, "method": {"welch"},
	}
	for name, values := range want {
		if !slices.Equal(asked[0].Params[name], values) {
			t.Errorf("%s = %q, want %q", name, asked[0].Params[name], values)
		}
	}
	if len(asked[0].Params) != len(want) {
		t.Errorf("params = %v", asked[0].Params)
	}
}

func TestOnlySelectorsAreAnswered(t *testing.T) {
	desk, _, base := serve(t)
	for query, status := range map[string]int{
		`avg(lumbar_gain_mean)`:              422,
		`lumbar_gain_mean + 1`:               422,
		`rate(lumbar_gain_mean[5m])`:         422,
		`lumbar_gain_mean[5m]`:               422,
		`lumbar_gain_mean offset 5m`:         422,
		`lumbar_gain_mean @ 1600000000`:      422,
		`vector(1)`:                          422,
		`no_such_metric`:                     422,
		`{programme="alpha"}`:                422,
		`lumbar_gain_mean{`:                  400,
		``:                                   400,
		`lumbar_patients{a!="",b!="",c!=""}`: 200, // no such dimensions: nothing matches
		`lumbar_patients{programme="alpha",sex!="",region!="",provider!="",year!=""}`: 422,
	} {
		got, body := post(t, base+"/api/v1/query", url.Values{"query": {query}})
		if got != status {
			t.Errorf("%s: status %d, want %d: %v", query, got, status, body)
		}
		if status != 200 && (body.ErrorType != "bad_data" || body.Error == "" || strings.Contains(body.Error, "\n")) {
			t.Errorf("%s: %+v is no plain sentence of type bad_data", query, body)
		}
	}
	for _, q := range desk.Asked() {
		if len(q.Params["by"]) < 4 {
			t.Errorf("a refused query was asked: %v", q)
		}
	}
}

func post(t *testing.T, address string, form url.Values) (int, reply) {
	t.Helper()
	resp, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body reply
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func TestErrorsOfTheDesk(t *testing.T) {
	desk, _, base := serve(t)
	secret := "patient 4711"
	for _, tc := range []struct {
		err    error
		status int
		kind   string
	}{
		{&queries.Error{Kind: queries.InvalidArgument, Message: "no"}, 422, "bad_data"},
		{&queries.Error{Kind: queries.Unavailable, Message: "the engine is starting", Err: io.EOF}, 503, "unavailable"},
		{&queries.Error{Kind: queries.Internal, Message: secret}, 500, "internal"},
		{io.ErrUnexpectedEOF, 500, "internal"},
	} {
		desk.Fail(tc.err)
		status, body := post(t, base+"/api/v1/query", url.Values{"query": {"lumbar_patients"}})
		if status != tc.status || body.ErrorType != tc.kind || strings.Contains(body.Error, secret) {
			t.Errorf("%v: %d %+v, want %d %s", tc.err, status, body, tc.status, tc.kind)
		}
	}
	desk.Fail(nil)
	desk.SetVersion(0)
	status, body := post(t, base+"/api/v1/query", url.Values{"query": {`lumbar_patients{programme="alpha"}`}})
	if status != 200 || len(body.Infos) != 1 {
		t.Errorf("an empty store: %d %+v, want an empty answer that says why", status, body)
	}
}

func TestRangeQueriesHaveOneSampleAtTheEnd(t *testing.T) {
	_, c, base := serve(t)
	end := time.Unix(1_800_000_000, 0)
	v, _, infos, err := c.QueryRange(context.Background(), `lumbar_gain_mean{instrument="odi",sex!=""}`,
		promv1.Range{Start: end.Add(-time.Hour), End: end, Step: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	matrix := v.(model.Matrix)
	if len(matrix) != 2 || len(infos) != 1 {
		t.Fatalf("%d series and infos %q, want 2 series and one note", len(matrix), infos)
	}
	for _, s := range matrix {
		if len(s.Values) != 1 || s.Values[0].Timestamp.Time() != end.UTC() && !s.Values[0].Timestamp.Time().Equal(end) {
			t.Errorf("values %v, want one at %v", s.Values, end)
		}
	}
	for _, form := range []url.Values{
		{"query": {"lumbar_patients"}, "start": {"1"}, "end": {"2"}, "step": {"0"}},
		{"query": {"lumbar_patients"}, "start": {"2"}, "end": {"1"}, "step": {"1"}},
		{"query": {"lumbar_patients"}, "start": {"x"}, "end": {"1"}, "step": {"1"}},
		{"query": {"lumbar_patients"}, "end": {"1"}, "step": {"1"}},
		{"query": {"lumbar_patients"}, "start": {"NaN"}, "end": {"1"}, "step": {"1"}},
	} {
		if status, _ := post(t, base+"/api/v1/query_range", form); status != 400 {
			t.Errorf("%v: status %d, want 400", form, status)
		}
	}
}

func TestHealthCheck(t *testing.T) {
	_, c, base := serve(t)
	v, _, _, err := c.Query(context.Background(), "1+1", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := v.(*model.Scalar); !ok || s.Value != 2 {
		t.Errorf("1+1 = %v, want the scalar 2", v)
	}
	if _, err := c.Buildinfo(context.Background()); err != nil {
		t.Error(err)
	}
	resp, err := http.Get(base + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 404 { // the router of the whole product makes a problem document of it
		t.Errorf("rules: %d, want 404", resp.StatusCode)
	}
}

func TestLabelsAndValues(t *testing.T) {
	_, c, _ := serve(t)
	ctx, from, to := context.Background(), time.Unix(1, 0), time.Unix(2, 0)
	names, _, _, err := c.LabelNames(ctx, nil, from, to)
	if err != nil || !slices.Contains(names, "provider") || !slices.Contains(names, "adjusted") {
		t.Errorf("label names %v, %v", names, err)
	}
	for _, tc := range []struct {
		label string
		match []string
		want  string
	}{
		{"programme", []string{"lumbar_patients"}, "alpha beta"},
		{"instrument", []string{`lumbar_patients{programme="beta"}`}, "ohs eqvas"},
		{"timepoint", nil, "6m 12m followup"},
		{"procedure", []string{`lumbar_patients{programme="alpha"}`}, ""},
		{"procedure", []string{`lumbar_patients{programme="beta"}`}, "hip knee"},
		{"intervention", []string{`lumbar_compare_estimate{programme="alpha"}`}, "cppp surgery"},
		{"intervention", []string{`lumbar_patients{programme="alpha"}`}, "core cppp surgery"},
		{"region", []string{`lumbar_patients{programme="alpha",instrument="odi"}`}, "Y56 Y58 Y63"},
		{"region", nil, "Y56 Y58 Y63"},
		{"year", []string{`lumbar_patients{programme="beta",instrument="ohs"}`}, "2024 2025"},
		{"colour", []string{`lumbar_patients`}, ""},
	} {
		values, _, _, err := c.LabelValues(ctx, tc.label, tc.match, from, to)
		if err != nil {
			t.Errorf("%s of %v: %v", tc.label, tc.match, err)
			continue
		}
		var got []string
		for _, v := range values {
			got = append(got, string(v))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s of %v = %q, want %q", tc.label, tc.match, got, tc.want)
		}
	}
	all, _, _, err := c.LabelValues(ctx, "__name__", nil, from, to)
	if err != nil || len(all) != len(Metrics()) {
		t.Errorf("%d metric names, %v, want %d", len(all), err, len(Metrics()))
	}
	series, warnings, _, err := c.Series(ctx, []string{`lumbar_patients{instrument="odi",provider!=""}`}, from, to)
	if err != nil || len(series) != 7 || len(warnings) != 1 {
		t.Errorf("%d series, warnings %q, %v; want 7 and the one withheld", len(series), warnings, err)
	}
	meta, err := c.Metadata(ctx, "", "")
	if err != nil || len(meta) != len(Metrics()) {
		t.Errorf("metadata of %d metrics, %v, want %d", len(meta), err, len(Metrics()))
	}
}
