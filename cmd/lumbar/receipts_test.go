package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReceipts holds that every answer leaves a receipt from which it can be
// made again. Two kinds are not told over HTTP: of an undisclosed answer, which
// holds exact numbers, and of a study, whose cohorts the ledger does not know.
func TestReceipts(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 300, 9)
	h := in.hold(t)
	demo, _ := faceOf(t, h, true)
	in.imported(t, 0, dir)
	protocol := filepath.Join(t.TempDir(), "study.yaml")
	save(t, protocol, []byte(aStudy))
	told := func(id string) (receipt struct {
		ID, Actor, Question            string
		Parameters                     map[string]any
		Data_version                   uint64
		Code_version, Registry_version string
		Disclosure_rule                string
		Answer                         json.RawMessage
	}) {
		got := sent(t, http.MethodGet, demo.URL+"/v1/receipts/"+id, nil, "")
		if got.status != http.StatusOK {
			t.Fatalf("/v1/receipts/%s: %d %s", id, got.status, got.body)
		}
		if err := json.Unmarshal(got.body, &receipt); err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	for _, q := range []string{"ask outcomes --by region", "ask funnel --by provider", "ask compare --by region"} {
		args := append(strings.Fields(q), "--json")
		disclosed := in.mustRun(t, args...).out
		id := receiptOf(t, disclosed)
		r := told(id)
		if r.ID != id || r.Actor == "" || !strings.Contains(q, r.Question) || len(r.Parameters) == 0 || r.Data_version == 0 || r.Code_version == "" || r.Disclosure_rule == "" {
			t.Errorf("%s: receipt %+v", q, r)
		}
		if strings.TrimSpace(string(r.Answer)) != strings.TrimSpace(disclosed) {
			t.Errorf("%s: the receipt's answer is\n%s\nwant\n%s", q, r.Answer, disclosed)
		}
		if again := receiptOf(t, in.mustRun(t, args...).out); again != id {
			t.Errorf("%s: the same question of the same data has the receipts %s and %s", q, id, again)
		}
		exact := receiptOf(t, in.mustRun(t, append(args, "--undisclosed")...).out)
		if exact == id {
			t.Errorf("%s: the undisclosed answer has the receipt of the disclosed one", q)
		}
		sent(t, http.MethodGet, demo.URL+"/v1/receipts/"+exact, nil, "").isProblem(t, q, http.StatusNotFound, "no such receipt")
	}
	for _, flag := range []string{"--undisclosed=false", "--undisclosed"} {
		id := receiptOf(t, in.mustRun(t, "study", "run", "--json", flag, protocol).out)
		sent(t, http.MethodGet, demo.URL+"/v1/receipts/"+id, nil, "").isProblem(t, "study "+flag, http.StatusNotFound, "no such receipt")
		if r, err := h.store.Reader().Receipt(t.Context(), id); err != nil || r.Question != "study" || !strings.Contains(r.Parameters, "cppp-v-core-therapy") || !json.Valid([]byte(r.Answer)) {
			t.Errorf("study %s: receipt %+v, %v", flag, r, err)
		}
	}
	before := receiptOf(t, in.mustRun(t, "ask", "outcomes", "--by", "region", "--json").out)
	episode, _, _ := person(1)
	posted(t, demo.URL+"/v1/episodes", episode, mediaJSON, http.StatusOK, "stored")
	if after := receiptOf(t, in.mustRun(t, "ask", "outcomes", "--by", "region", "--json").out); after == before {
		t.Error("an answer on new data has the receipt of the old one")
	}
	told(before)
}

func receiptOf(t *testing.T, answer string) string {
	t.Helper()
	var a struct{ Receipt string }
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Receipt == "" {
		t.Fatalf("no receipt in %.300s", answer)
	}
	return a.Receipt
}

// TestServeAndDemoStop holds that both, asked to stop, end with exit code 0 while
// a reader follows their pages, give their data directory back, and that demo
// leaves nothing behind.
func TestServeAndDemoStop(t *testing.T) {
	in, temporary := newInstallation(t), t.TempDir()
	serve := command(t, nil, "serve", "--addr", "127.0.0.1:0", "--data", in.dir, "--provision", filepath.Join(temporary, "grafana")).start(t)
	demo := command(t, []string{"TMPDIR=" + temporary, "LUMBAR_DATA="}, "demo", "--addr", "127.0.0.1:0", "--patients", "200").start(t)

	at := serve.address(t)
	if !strings.Contains(serve.out.String(), noKeys) {
		t.Errorf("serve does not say how to go on: %s", serve.out)
	}
	if entries, err := os.ReadDir(filepath.Join(temporary, "grafana")); err != nil || len(entries) == 0 {
		t.Errorf("serve --provision wrote %v, %v", entries, err)
	}
	sent(t, http.MethodGet, at+"/", nil, "").isProblem(t, "serve", http.StatusUnauthorized, noKeys)
	if code := serve.stop(t); code != 0 {
		t.Errorf("serve: exit %d: %s", code, serve.err)
	}
	h := in.hold(t) // the directory is free
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	at = demo.address(t)
	if got := sent(t, http.MethodGet, at+"/", nil, ""); got.status != http.StatusOK || !strings.Contains(string(got.body), "Back pain pathway") {
		t.Errorf("demo's page: %d %.300s", got.status, got.body)
	}
	if got := sent(t, http.MethodGet, at+"/v1/outcomes?by=region", nil, ""); got.status != http.StatusOK || !strings.Contains(string(got.body), `"region":"ZR1"`) {
		t.Errorf("demo's outcomes: %d %.300s", got.status, got.body)
	}
	res, err := http.Get(at + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if code := demo.stop(t); code != 0 {
		t.Errorf("demo: exit %d: %s", code, demo.err)
	}
	left, err := os.ReadDir(temporary)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() != "grafana" {
			t.Errorf("demo left %s behind", e.Name())
		}
	}
}
