package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/dashboards/internal/fixture"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// serve starts the page over made-up answers and returns its address.
func serve(t *testing.T) (*fixture.Desk, string) {
	t.Helper()
	desk := fixture.New()
	c, err := New(desk, fixture.Programmes(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r := web.Router(c.Routes(), everybody)
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return desk, server.URL
}

type response struct {
	*http.Response
	body string
}

func fetch(t *testing.T, address string) response {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp, string(body)}
}

func TestPageIsWholeWithoutScript(t *testing.T) {
	desk, address := serve(t)
	got := fetch(t, address+"/")
	if got.StatusCode != 200 {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	for _, want := range []string{
		`<h1 class="nhsuk-heading-l">Back pain pathway</h1>`, `<svg xmlns="http://www.w3.org/2000/svg" class="plot plot-funnel"`, `class="plot plot-forest"`,
		`id="funnel-table"`, `id="compare-table"`, `A note of funnel &lt;1&gt;.`, `r-funnel-1`, `associated with`, `Data version <strong>1</strong>`,
		`value="odi" selected`, `value="12m" selected`, `Load the latest answers`, `lang="en-GB"`, "withheld to protect",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, unwanted := range []string{"style=", "onclick", "http://", "https://"} {
		body := strings.ReplaceAll(got.body, `xmlns="http://www.w3.org/2000/svg"`, "")
		if strings.Contains(body, unwanted) {
			t.Errorf("the page has %s", unwanted)
		}
	}
	for _, q := range desk.Asked() {
		if q.Undisclosed {
			t.Errorf("%s is asked without disclosure control", q.Name)
		}
	}
}

// TestTableIsTheAnswer compares every number of the table with the answer.
func TestTableIsTheAnswer(t *testing.T) {
	desk, address := serve(t)
	body := fetch(t, address+"/?programme=beta&procedure=knee&instrument=eqvas").body
	answer, err := desk.Ask(context.Background(), queries.Question{Name: "funnel", Params: map[string][]string{
		"programme": {"beta"}, "instrument": {"eqvas"}, "timepoint": {"followup"}, "by": {"provider", "procedure"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?s)<tr data-id="(\w+)">(.*?)</tr>`).FindAllStringSubmatch(body, -1)
	if len(rows) != 8 {
		t.Fatalf("%d rows, want the 8 providers of one procedure", len(rows))
	}
	compared := 0
	for _, r := range answer.Rows {
		if r.Values[answer.Index("procedure")] != "knee" {
			continue
		}
		i := slices.IndexFunc(rows, func(row []string) bool { return row[1] == r.Values[answer.Index("provider")] })
		for _, column := range []string{"n", "value", "lower_95", "upper_95", "lower_998", "upper_998", "outlier", "outlier_overdispersed"} {
			want := ""
			if v := r.Values[answer.Index(column)]; v != nil {
				want = fmt.Sprint(v)
			}
			shown := regexp.MustCompile(`data-column="` + column + `" data-value="([^"]*)"`).FindStringSubmatch(rows[i][2])
			if want == "" && shown == nil {
				continue // both limits together
			}
			if shown == nil || shown[1] != want {
				t.Errorf("%s of %s is shown as %q, want %q", column, rows[i][1], shown, want)
			}
			compared++
		}
		withheld := slices.Contains(r.Suppressed, "value")
		if strings.Contains(rows[i][2], ">*<") != withheld {
			t.Errorf("%s: star shown %v, want %v", rows[i][1], !withheld, withheld)
		}
	}
	if compared < 50 {
		t.Errorf("%d numbers compared, want 50 and more", compared)
	}
}

func TestChoices(t *testing.T) {
	_, address := serve(t)
	for query, want := range map[string]string{
		"":                               "Oswestry Disability Index, 12 months",
		"?programme=alpha&timepoint=6m":  "Oswestry Disability Index, 6 months",
		"?programme=beta":                "Hip replacement: Oxford Hip Score, 6 months",
		"?programme=beta&procedure=knee": "Knee replacement: EQ VAS, 6 months",
		"?programme=beta&procedure=knee&instrument=ohs": "Knee replacement: EQ VAS, 6 months", // the form after a change of procedure
		"?programme=beta&instrument=odi&timepoint=12m":  "Hip replacement: Oxford Hip Score, 6 months",
	} {
		got := fetch(t, address+"/"+query)
		if got.StatusCode != 200 || !strings.Contains(got.body, want+"</h2>") {
			t.Errorf("%s: status %d, no heading %q", query, got.StatusCode, want)
		}
	}
	for query, want := range map[string]int{
		"?programme=gamma": 404, "?instrument=xyz": 404, "?timepoint=9y": 404, "?procedure=x": 404, "?colour=red": 400,
	} {
		got := fetch(t, address+"/"+query)
		if got.StatusCode != want || !strings.Contains(got.body, `<h1 class="nhsuk-heading-l">`) || strings.Contains(got.body, "xyz") {
			t.Errorf("%s: status %d, want a page with %d", query, got.StatusCode, want)
		}
	}
	if got := fetch(t, address+"/?programme=beta").body; strings.Contains(got, "compare-table") {
		t.Error("a programme without interventions compares some")
	}
}

func TestErrorsAreSaidInPlainWords(t *testing.T) {
	desk, address := serve(t)
	for _, tc := range []struct {
		err    error
		status int
		words  string
	}{
		{&queries.Error{Kind: queries.Unavailable, Message: "The engine is starting.", Err: errors.New("secret")}, 503, "The engine is starting."},
		{errors.New("secret"), 500, "the log of the server says why"},
		{&queries.Error{Kind: queries.InsufficientData, Message: "Too few <people>."}, 200, "Too few &lt;people&gt;."},
	} {
		desk.Fail(tc.err)
		got := fetch(t, address+"/")
		if got.StatusCode != tc.status || !strings.Contains(got.body, tc.words) || strings.Contains(got.body, "secret") {
			t.Errorf("%v: status %d, want %d and %q", tc.err, got.StatusCode, tc.status, tc.words)
		}
		if part := fetch(t, address+"/answers"); part.StatusCode != tc.status || strings.Contains(part.body, "secret") {
			t.Errorf("%v: the part for the script has status %d, want %d", tc.err, part.StatusCode, tc.status)
		}
	}
}

func TestEmptyStoreSaysWhatToDo(t *testing.T) {
	desk, address := serve(t)
	desk.SetVersion(0)
	got := fetch(t, address+"/")
	for _, want := range []string{"No answers yet", "lumbar demo", "lumbar import", "POST /v1/responses"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the empty page does not say %q", want)
		}
	}
	if len(desk.Asked()) != 0 {
		t.Errorf("%d questions asked of an empty store", len(desk.Asked()))
	}
}

func TestPolicyAndStaticFiles(t *testing.T) {
	_, address := serve(t)
	page := fetch(t, address+"/")
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || page.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", page.Header)
	}
	links := regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) < 3 {
		t.Fatalf("%d static files, want icon, style sheet and script", len(links))
	}
	for _, l := range links {
		got := fetch(t, address+l[1])
		if got.StatusCode != 200 || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, %s", l[1], got.StatusCode, got.Header.Get("Cache-Control"))
		}
		if strings.Contains(got.body, "url(http") || strings.Contains(got.body, "@font-face") || strings.Contains(got.body, "@import") {
			t.Errorf("%s asks another host", l[1])
		}
	}
	for _, gone := range []string{"/static/", "/static/vendor/.placeholder", "/static/../doc.go", "/static/nothing.css"} {
		if got := fetch(t, address+gone); got.StatusCode != 404 {
			t.Errorf("%s: status %d, want 404", gone, got.StatusCode)
		}
	}
}

func TestPageIsReadableWithoutTheAssetBuild(t *testing.T) {
	bare := fstest.MapFS{
		"static/lumbar.css": {Data: []byte("body{}")}, "static/live.js": {Data: []byte("")},
		"static/icon.svg": {Data: []byte("<svg/>")}, "static/vendor/.placeholder": {Data: []byte("x")},
	}
	assets, err := readAssets(bare)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(fixture.New(), fixture.Programmes(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.assets = assets
	w := httptest.NewRecorder()
	c.page("page").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 200 || strings.Contains(w.Body.String(), frontend) || !strings.Contains(w.Body.String(), "lumbar.css") {
		t.Errorf("status %d; want a page without the design system's style sheet", w.Code)
	}
}

func TestNewRefusesNothingToShow(t *testing.T) {
	if _, err := New(fixture.New(), nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no programme is accepted")
	}
	if _, err := New(fixture.New(), []dashboards.Programme{{ID: "x"}}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a programme without instruments is accepted")
	}
}

// everybody is an identity middleware that lets everybody in.
func everybody(next http.Handler) http.Handler { return next }
