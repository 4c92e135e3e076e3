package fhir_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/instruments"
)

// FuzzDecoder: no source makes the decoder panic or give anything but records
// and errors of ours; what is accepted is in range and becomes rows; what is
// refused can be quoted, and is not accepted when it is read again.
func FuzzDecoder(f *testing.F) {
	for _, text := range []string{
		odi(), patient, referral, plan, encounter, procedure, task, patient + "\n" + odi(), "[" + odi() + "," + task + "]",
		bundle("batch", wrapped("urn:uuid:1", odi()), wrapped("urn:uuid:p", patient)), `{"entry":[{"resource":` + odi() + `}],"type":"batch","resourceType":"Bundle"}`,
		answered("http://loinc.org/q/44249-1", items(func(int) string { return "/44260-8" }, `"valueCoding":{"code":"LA6569-3"}`), `,"extension":[{"url":"urn:lumbar:supplied-score","valueDecimal":1}]`),
		answered("urn:lumbar:questionnaire:wpai_shp", items(of("wpai_shp"), `"valueBoolean":true`, `"valueDecimal":7.5`), ""),
		strings.ReplaceAll(odi(), `,"`, ",\n\""), change(odi(), `{"valueInteger":3}`, `{"valueInteger":3},{"valueCoding":{"code":"x"}}`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		if len(source) > 64<<10 {
			return // long sources have tests of their own
		}
		var file *ingest.FileError
		if err := fhir.Format().Verify("test", bufio.NewReader(bytes.NewReader(source))); err != nil && !errors.As(err, &file) {
			t.Errorf("verify: error %v is none of ours", err)
		}
		s := setting()
		d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(source)), Setting: s}, fhir.AcceptAll)
		for err == nil {
			r := new(ingest.Record)
			if err = d.Next(r); err != nil {
				break
			}
			if len(r.Reasons) == 0 {
				s.Prepare(r)
			}
			check(t, r)
			if len(r.Reasons) == 0 {
				continue
			}
			if body, whole := d.Quote(); whole && len(body) > 0 {
				again(t, body)
			}
		}
		if !errors.Is(err, io.EOF) && !errors.As(err, &file) {
			t.Errorf("error %v is none of ours", err)
		}
	})
}

// check holds what an accepted record must be.
func check(t *testing.T, r *ingest.Record) {
	t.Helper()
	if len(r.Reasons) > 0 {
		return
	}
	if len(r.Responses)+len(r.Episodes)+len(r.Events)+len(r.Patients) == 0 {
		t.Error("an accepted resource becomes nothing")
	}
	for i := range r.Responses {
		v := &r.Responses[i]
		for at, code := range v.Codes {
			if it := v.Definition.Items[at]; code != instruments.Missing && !it.Hundredths && (code < it.Min || code > it.Max) {
				t.Errorf("code %d of %s is accepted", code, it.Key)
			}
		}
	}
}

// again reads a quoted resource.
func again(t *testing.T, body []byte) {
	t.Helper()
	s := setting()
	d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(body)), Setting: s}, fhir.AcceptAll)
	for err == nil {
		r := new(ingest.Record)
		if err = d.Next(r); err == nil && len(r.Reasons) == 0 {
			s.Prepare(r)
		}
		if err == nil && len(r.Reasons) == 0 {
			t.Errorf("what was refused is accepted when it is sent again: %s", body)
		}
	}
}
