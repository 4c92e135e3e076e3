package http

import (
	"bytes"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spoolOf writes a body as a job does.
func spoolOf(t interface{ Fatal(...any) }, path string, chunks ...string) *spooled {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := newScanner(f)
	for _, c := range chunks {
		if _, err := s.Write([]byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	return &s.known
}

const (
	aPatient = `{"resourceType":"Patient","id":"1"}`
	anOdd    = `{ "id":"x", "resourceType" : "Patient" }`
	anAnswer = `{"resourceType":"QuestionnaireResponse","subject":{"reference":"Patient/1"},"contained":[{"resourceType":"Patient"}]}`
)

// TestLateMeansAPatientAfterOthers holds when a body is read twice.
func TestLateMeansAPatientAfterOthers(t *testing.T) {
	for _, c := range []struct {
		body  string
		late  bool
		lines int
	}{
		{"", false, 0}, {"\n\n", false, 2}, {aPatient + "\n" + anAnswer, false, 2}, {anAnswer + "\n" + aPatient, true, 2}, {anAnswer + "\n\n" + anOdd + "\n", true, 3},
		{"{\n" + aPatient, false, 2}, {"{bad\n" + aPatient, true, 2}, {"[\n" + anAnswer + ",\n" + aPatient + "\n]", false, 4}, {`{"resourceType":"Bundle"}` + "\n" + aPatient, false, 2},
		{anAnswer + "\n" + anAnswer, false, 2},
	} {
		got := spoolOf(t, filepath.Join(t.TempDir(), "body"), c.body)
		if got.Late != c.late || got.Lines != c.lines || got.Bytes != int64(len(c.body)) {
			t.Errorf("%.60q: %+v, want late %v, %d lines", c.body, got, c.late, c.lines)
		}
	}
}

// TestReadTwice: both readings together have every line once, Patients in the
// first, each at its number, however the body came.
func TestReadTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "body")
	long := `{"x":"` + strings.Repeat("Patient ", 200<<10) + `"}`
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"", " ", aPatient, anOdd, anAnswer, "{", "x" + aPatient, long}), 1, 12).Draw(t, "lines")
		lines = append([]string{anAnswer}, append(lines, aPatient)...)
		end := rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end")
		text := strings.Join(lines, "\n") + end
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		known := spoolOf(t, path, text[:cut], text[cut:])
		if !known.Late || known.Lines != len(lines) {
			t.Fatalf("%+v, want late, %d lines", known, len(lines))
		}
		f, err := known.source(path).Open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		read, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Split(bytes.TrimSuffix(read, []byte("\n")), []byte("\n"))
		if len(got) != 2*len(lines) {
			t.Fatalf("%d lines in both readings, want %d", len(got), 2*len(lines))
		}
		for i, line := range lines {
			first, second := line, ""
			if line != aPatient && line != anOdd {
				first, second = "", line
			}
			if string(got[i]) != first || string(got[i+len(lines)]) != second {
				t.Fatalf("line %d: %.40q and %.40q, want %.40q and %.40q", i+1, got[i], got[i+len(lines)], first, second)
			}
			if _, at := known.place(i + 1 + len(lines)); at != i+1 {
				t.Fatalf("line %d of the second reading is called %d", i+1, at)
			}
		}
	})
}

func TestPlace(t *testing.T) {
	k := &spooled{Lines: 10, Late: true, Starts: []int{0, 4, 4}}
	for line, want := range map[int][2]int{1: {0, 1}, 4: {0, 4}, 5: {2, 1}, 10: {2, 6}, 11: {0, 1}, 20: {2, 6}} {
		if input, at := k.place(line); input != want[0] || at != want[1] {
			t.Errorf("line %d is input %d, line %d; want %v", line, input, at, want)
		}
	}
}

// TestSources holds what an import may fetch, and where a name may lead.
func TestSources(t *testing.T) {
	s, err := newSources([]string{"https://ehr.example/export", "https://files.example:8443/a/", "http://127.0.0.1:99/", "10.20.0.0/16", " "})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"https://ehr.example/export": true, "https://ehr.example/export/a?token=x": true, "https://EHR.example:443/export/a": true, "https://files.example:8443/a/b": true,
		"http://ehr.example/export/a": false, "https://ehr.example/exports": false, "https://ehr.example:444/export/a": false, "https://ehr.example.org/export/a": false,
		"https://ehr.example/export/../x": false, "https://ehr.example/export/..;a/x": false, "https://ehr.example/export/a;b/x": true, "https://ehr.example/export/%2E./x": false, "https://ehr.example/export/a%2f..%2fx": false, `https://ehr.example/export/a\..\x`: false,
		"https://u:p@ehr.example/export/a": false, "https://files.example/a/b": false, "//ehr.example/export/a": false, "https:ehr.example/export/a": false, "http://127.0.0.1:99/x": true, "http://127.0.0.1/x": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.allowed(u); got != want {
			t.Errorf("%s: allowed %v, want %v", address, got, want)
		}
	}
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "[2a00:1450::1]:443": true, "10.20.3.4:443": true, "127.0.0.1:99": true, "[::ffff:8.8.8.8]:443": true,
		"10.21.0.1:443": false, "127.0.0.2:443": false, "169.254.169.254:80": false, "100.64.0.1:443": false, "0.0.0.0:443": false, "192.168.1.1:443": false, "224.0.0.1:443": false,
		"[::1]:443": false, "[fd00::1]:443": false, "[fe80::1]:443": false, "[::ffff:10.0.0.1]:443": false, "[64:ff9b::a00:1]:443": false, "[2002:a00:1::]:443": false, "255.255.255.255:1": false, "x": false,
	} {
		if got := s.control("tcp", address, nil) == nil; got != want {
			t.Errorf("%s: dialled %v, want %v", address, got, want)
		}
	}
	for _, bad := range []string{"ehr.example", "http://ehr.example/", "ftp://ehr.example/", "https://a:b@ehr.example/", "https://ehr.example/?x=1", "10.0.0.0/99"} {
		if _, err := newSources([]string{bad}); err == nil || !strings.Contains(err.Error(), "fhir.import_sources") {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
	if public(netip.MustParseAddr("198.51.100.7")) {
		t.Error("an address of documents is public")
	}
}
