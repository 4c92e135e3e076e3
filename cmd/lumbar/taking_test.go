package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImportSourcesAreAListOrAText holds that the file may list what the
// environment has in one text, and that nothing means nothing.
func TestImportSourcesAreAListOrAText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lumbar.yaml")
	sources := func(text string) []string {
		save(t, path, []byte(text))
		k, err := readConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		o, err := takingOptions(k)
		if err != nil || o.Limits.Requests != 10_000 || o.Limits.Rows != 100_000 {
			t.Fatalf("%+v, %v", o.Limits, err)
		}
		return slices.DeleteFunc(o.Sources, func(s string) bool { return s == "" })
	}
	want := []string{"https://ehr.example/a/", "10.20.0.0/16"}
	if got := sources("fhir:\n  import_sources: [https://ehr.example/a/, 10.20.0.0/16]\n"); !slices.Equal(got, want) {
		t.Errorf("a list: %q", got)
	}
	if got := sources("offline: true\n"); len(got) != 0 {
		t.Errorf("nothing: %q", got)
	}
	t.Setenv("LUMBAR_FHIR_IMPORT_SOURCES", strings.Join(want, ","))
	if got := sources("offline: true\n"); !slices.Equal(got, want) {
		t.Errorf("the environment: %q", got)
	}
}

// TestRatesAreNumbers: a rate that can not be read is refused, and does not pass
// for none.
func TestRatesAreNumbers(t *testing.T) {
	for text, ok := range map[string]bool{"0": true, "2.5": true, "1e6": true, "-1": false, "abc": false, "": false, "NaN": false, "Inf": false, "1e400": false} {
		t.Setenv("LUMBAR_INGEST_RATE_ROWS", text)
		k, err := readConfig("")
		if err != nil {
			t.Fatal(err)
		}
		o, err := takingOptions(k)
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "ingest.rate_rows") {
			t.Errorf("%q: %+v, %v", text, o.Limits, err)
		}
	}
}
