package fhir_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

const (
	ann = "000102030405060708090a0b0c0d0e0f"
	key = "a key for tests only"
)

func setting() ingest.Setting {
	return ingest.Setting{
		Programmes: programme.All(), Key: []byte(key), TestNumbers: true,
		Now: func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) },
	}
}

// numbered is a reference to the person of an NHS number.
func numbered(number string) string {
	return fmt.Sprintf(`{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":%q}}`, number)
}

const subject = `{"identifier":{"system":"urn:lumbar:pseudonym","value":"` + ann + `"}}`

// items writes a list of items with one answer each, as JSON; "" is none.
func items(linkID func(int) string, values ...string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"linkId":%q`, linkID(i+1))
		if v != "" {
			fmt.Fprintf(&b, `,"answer":[{%s}]`, v)
		}
		b.WriteByte('}')
	}
	return "[" + b.String() + "]"
}

func of(instrument string) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s.%d", instrument, i) }
}

func integers(codes ...int) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = fmt.Sprintf(`"valueInteger":%d`, c)
	}
	return out
}

// answered is a QuestionnaireResponse of those items; further are elements.
func answered(questionnaire, list, further string) string {
	return fmt.Sprintf(`{"resourceType":"QuestionnaireResponse","id":"1","identifier":{"system":"urn:forms","value":"r-1"},"questionnaire":%q,"status":"completed","subject":%s,"authored":"2026-04-01T09:30:00+01:00","item":%s%s}`, questionnaire, subject, list, further)
}

// odi is an answered ODI.
func odi() string {
	return answered("urn:lumbar:questionnaire:odi|2.1a", items(of("odi"), integers(2, 1, 3, 2, 2, 3, 1, 0, 2, 2)...), "")
}

func decode(t testing.TB, text string) []*ingest.Record {
	t.Helper()
	list, err := decodeAll(t, text, fhir.AcceptAll)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// decodeAll reads and prepares the records of a source until it ends or breaks
// off. What is refused must be quoted so that it is refused alike when it is
// read again.
func decodeAll(t testing.TB, text string, accepted fhir.Accepted) ([]*ingest.Record, error) {
	t.Helper()
	s := setting()
	d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(text)), Setting: s}, accepted)
	if err != nil {
		return nil, err
	}
	var out []*ingest.Record
	for {
		r := new(ingest.Record)
		err := d.Next(r)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(r.Reasons) == 0 {
			s.Prepare(r)
		}
		if body, whole := d.Quote(); whole && len(body) == 0 && r.Line > 0 {
			t.Error("a resource is quoted as nothing")
		}
		out = append(out, r)
	}
}

// one decodes a source of one resource.
func one(t testing.TB, text string) *ingest.Record {
	t.Helper()
	list := decode(t, text)
	if len(list) != 1 {
		t.Fatalf("%d records, want 1", len(list))
	}
	return list[0]
}

// kept decodes a resource that must be accepted.
func kept(t testing.TB, text string) *ingest.Record {
	t.Helper()
	r := one(t, text)
	if len(r.Reasons) > 0 {
		t.Fatalf("%v, want no reasons", r.Reasons)
	}
	return r
}

func pseudonym(id record.PatientID) string { return hex.EncodeToString(id[:]) }

// change replaces once.
func change(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic("nothing to change: " + old)
	}
	return strings.Replace(text, old, new, 1)
}
