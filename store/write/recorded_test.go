package write_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/write"
)

// TestFingerprintsAreThoseOfRecord stores random keys in every table of facts
// and compares what the engine sums with what Go does.
func TestFingerprintsAreThoseOfRecord(t *testing.T) {
	s := newSite(t)
	random := rand.New(rand.NewPCG(5, 8))
	var want []uint64
	for table, of := range map[string]struct {
		kind byte
		id   string
	}{"response": {'r', "response_id, "}, "episode": {'e', "episode_id, "}, "event": {'v', "event_id, "}, "patient": {'p', ""}} {
		statement := ""
		for range 500 {
			var patient record.PatientID
			binary.BigEndian.PutUint64(patient[:], random.Uint64())
			binary.BigEndian.PutUint64(patient[8:], random.Uint64()>>random.IntN(64))
			id, version := random.Uint64(), random.Uint64()>>random.IntN(64)
			row := fmt.Sprintf("reinterpretAsUInt128(reverse(unhex('%x'))), %d, ", patient, id)
			if of.id == "" {
				id, row = 0, fmt.Sprintf("reinterpretAsUInt128(reverse(unhex('%x'))), ", patient)
			}
			statement += fmt.Sprintf(", (%s%d)", row, version)
			want = append(want, record.Fingerprint(of.kind, patient, id, version))
		}
		if err := s.conn.Exec(context.Background(), "INSERT INTO "+table+" (patient_id, "+of.id+"version) VALUES "+statement[2:]); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	err := s.store.Writer().Fingerprints(context.Background(), func(block []uint64) error {
		got = append(got, block...)
		return nil
	})
	slices.Sort(want)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d fingerprints, %v; want the %d that Go computes", len(got), err, len(want))
	}
	stop := errors.New("enough")
	if err := s.store.Writer().Fingerprints(context.Background(), func([]uint64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("fingerprints = %v, want what yield said", err)
	}
}

// TestRecordedDoesNotWait asks while a re-score holds batches up. A response
// counts only with its scores.
func TestRecordedDoesNotWait(t *testing.T) {
	s := newSite(t)
	s.take(people(0, 3)...)
	var keys []write.Key
	rows, err := s.conn.Query(context.Background(), "SELECT reverse(reinterpret(patient_id, 'FixedString(16)')), response_id, version FROM response")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		k := write.Key{Table: write.Responses}
		var patient string
		if err := rows.Scan(&patient, &k.ID, &k.Version); err != nil {
			t.Fatal(err)
		}
		copy(k.PatientID[:], patient)
		keys = append(keys, k)
	}
	if err := rows.Err(); err != nil || len(keys) < 4 {
		t.Fatalf("%d responses, %v", len(keys), err)
	}
	lone := keys[0]
	keys = append(keys, write.Key{Table: write.Responses, PatientID: lone.PatientID, ID: 1, Version: 1})
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	s.open(false)
	asked := false
	s.store.Writer().At(1000, func(step string) error {
		if step != "begun" { // the writer is locked
			return nil
		}
		asked = true
		if err := s.conn.Exec(context.Background(), "DELETE FROM score WHERE response_id = ?", lone.ID); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		found, err := s.store.Writer().Recorded(ctx, keys)
		if err != nil {
			return err
		}
		for i, k := range keys {
			if want := k.ID != lone.ID && k.ID != 1; found[i] != want {
				t.Errorf("response %d: recorded = %v, want %v", i, found[i], want)
			}
		}
		return nil
	})
	if _, err := s.rescore(second, false); err != nil || !asked {
		t.Errorf("re-score: %v, asked = %v", err, asked)
	}
}
