package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/store/write"
)

// keyed gives every process of the test the same pseudonym key.
func keyed(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	save(t, path, []byte(strings.Repeat("a key for tests only ", 3)))
	t.Setenv("LUMBAR_PSEUDONYM_KEY_FILE", path)
}

// loadedOf is what a command with --json says of a list.
func loadedOf(t *testing.T, r result) (l write.Loaded) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), &l); err != nil || r.code != 0 {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.out, r.err)
	}
	return l
}

const boards = "code,kind,name,parent,successor,valid_from,valid_to\n" +
	"Y63,region,North,,,,\n" +
	"QAA,icb,Board A,Y63,QNN,2012-07-01,2016-03-31\n" +
	"QBB,icb,Board B,Y63,QNN,2012-07-01,2016-03-31\n" +
	"QNN,icb,Board N,Y63,,2016-04-01,\n" +
	"A81001,practice,A practice,QAA,,2013-04-01,2016-03-31\n" +
	"A81001,practice,A practice,QNN,,2016-04-01,\n"

// TestReferenceImport: a list is loaded as a whole or refused with its lines, by
// a command alone and by one beside the owner of the data directory, which alone
// needs the key.
func TestReferenceImport(t *testing.T) {
	keyed(t)
	in, dir := newInstallation(t), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		save(t, path, []byte(text))
		return path
	}
	good, bad := file("boards.csv", boards), file("bad.csv", boards+"QAA,hospital,Board A,Y63,,,\n,icb,,,,,\n")
	optedOut := file("opted-out.csv", "nhs_number\n9434765919\n4010232137\n9434765919\n")
	wrong := file("wrong.csv", "nhs_number\n9434765919\n9434765918\n")

	if l := loadedOf(t, in.run(t, "reference", "import", "organisations", good, "--dry-run", "--json")); l.Rows != 6 || l.Added != 6 || !l.DryRun {
		t.Errorf("dry run: %+v", l)
	}
	owner := command(t, nil, "serve", "--data", in.dir, "--addr", "127.0.0.1:0").start(t)
	owner.address(t)
	t.Setenv("LUMBAR_PSEUDONYM_KEY_FILE", "") // from here on commands attach
	if l := loadedOf(t, in.run(t, "reference", "import", "organisations", good, "--json")); l.Rows != 6 || l.Added != 6 {
		t.Errorf("first: %+v", l)
	}
	if r := in.mustRun(t, "reference", "import", "organisations", good); !strings.Contains(r.out, "6 rows, 0 added, 0 changed, 0 removed") {
		t.Errorf("again: %s", r.out)
	}
	r := in.run(t, "reference", "import", "organisations", bad)
	if r.code != 1 || !strings.Contains(r.err, "bad.csv: line 8: kind: not_allowed") || !strings.Contains(r.err, "bad.csv: line 9: ") || !strings.Contains(r.err, "nothing of it was stored") {
		t.Errorf("a list with wrong lines: exit %d, %s", r.code, r.err)
	}
	if l := loadedOf(t, in.run(t, "reference", "import", "opt-out", "--received", "2026-01-05", optedOut, "--json")); l.Rows != 2 || l.Added != 2 || l.ReceivedAt.Format("2006-01-02") != "2026-01-05" {
		t.Errorf("opt-outs: %+v", l)
	}
	refused(t, in.run(t, "reference", "import", "opt-out", "--received", "2026-01-04", optedOut), 1, "received later")
	r = in.run(t, "reference", "import", "opt-out", wrong, "--json")
	if r.code != 1 || !strings.Contains(r.out, `"line":3,"field":"nhs_number"`) || strings.Contains(r.out+r.err, "9434765918") {
		t.Errorf("a list with a wrong number: exit %d, %s%s", r.code, r.out, r.err)
	}
	for _, args := range [][]string{
		{"reference", "import", "practices", good}, {"reference", "import", "imd"}, {"reference", "import", "imd", good, "--replace"}, {"reference", "import", "opt-out", good, "--received", "tomorrow"},
	} {
		if r := in.run(t, args...); r.code != 2 {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
	refused(t, in.run(t, "reference", "import", "imd", good), 1, "lsoa11_code or lsoa21_code")
	refused(t, in.run(t, "reference", "import", "imd", filepath.Join(dir, "none")), 1, "can not be opened")
	refused(t, in.run(t, "reference", "import", "imd", dir), 1, "is no file")
	if code := owner.stop(t); code != 0 {
		t.Errorf("serve ended with %d: %s", code, owner.err)
	}
}

// organisationPage is a page of /v1/organisations.
type organisationPage struct {
	Rows []struct {
		Code, Kind string
		AsNow      string  `json:"as_now"`
		ValidTo    *string `json:"valid_to"`
	}
	Next *string
}

// TestOrganisationsRoute: filters, the mapping of a day, pages that miss nobody
// and show nobody twice, and answers that are as described.
func TestOrganisationsRoute(t *testing.T) {
	h := openTestHouse(t)
	server := serveOpen(t, h)
	described := document(t, server.URL)
	checkAnswer(t, described, server.URL, http.MethodGet, "/v1/organisations", "")
	if _, err := h.reference(t.Context(), referenceRequest{List: listOrganisations, Source: "boards.csv"}, strings.NewReader(boards)); err != nil {
		t.Fatal(err)
	}
	page := func(query string) (p organisationPage, codes string) {
		t.Helper()
		checkAnswer(t, described, server.URL, http.MethodGet, "/v1/organisations"+query, "")
		got := sent(t, http.MethodGet, server.URL+"/v1/organisations"+query, nil, "")
		if err := json.Unmarshal(got.body, &p); err != nil {
			t.Fatal(err)
		}
		for _, row := range p.Rows {
			codes += row.Code + ">" + row.AsNow + " "
		}
		return p, strings.TrimSpace(codes)
	}
	for query, want := range map[string]string{
		"?on=2016-03-31":          "A81001>A81001 QAA>QAA QBB>QBB Y63>Y63",
		"?on=2016-04-01":          "A81001>A81001 QNN>QNN Y63>Y63",
		"?kind=icb":               "QAA>QNN QBB>QNN QNN>QNN",
		"?kind=icb&on=2013-06-01": "QAA>QAA QBB>QBB",
		"?code=A81001":            "A81001>A81001 A81001>A81001",
		"?code=QZZ":               "",
		"?kind=sub_icb":           "",
	} {
		if p, got := page(query); got != want || p.Next != nil {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	var all string
	query := "?limit=2"
	for range 4 {
		p, codes := page(query)
		all += codes + " "
		if p.Next == nil {
			break
		}
		query = "?limit=2&after=" + strings.ReplaceAll(*p.Next, " ", "+")
	}
	if want := "A81001>A81001 A81001>A81001 QAA>QNN QBB>QNN QNN>QNN Y63>Y63 "; all != want {
		t.Errorf("pages: %s, want %s", all, want)
	}
	for query, word := range map[string]string{"?kind=hospital": "no such kind", "?on=2026": "day", "?limit=0": "limit", "?limit=x": "limit", "?after=A+B": "after"} {
		sent(t, http.MethodGet, server.URL+"/v1/organisations"+query, nil, "").isProblem(t, query, http.StatusBadRequest, word)
	}
}
