package write

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/record"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// TestSlicesHoldEachPatientOnce asks the engine, for the first and last
// possible keys, the edges of slices and many others.
func TestSlicesHoldEachPatientOnce(t *testing.T) {
	conn := chtest.New(t).Conn(t)
	for _, n := range []int{1, 2, 3, 7, maxSlices} {
		conditions := make([]string, n)
		for i, s := range slicesOf(n) {
			conditions[i] = "(" + s.condition + ")"
		}
		var low, high float64
		err := conn.QueryRow(context.Background(), fmt.Sprintf(`SELECT toFloat64(min(held)), toFloat64(max(held)) FROM (SELECT %s AS held FROM (
  SELECT bitShiftLeft(toUInt128(number), 120) AS patient_id FROM numbers(256)
  UNION ALL SELECT bitShiftLeft(toUInt128(number), 120) - 1 FROM numbers(256)
  UNION ALL SELECT reinterpretAsUInt128(sipHash128(number)) FROM numbers(2000)))`, strings.Join(conditions, " + "))).Scan(&low, &high)
		if err != nil || low != 1 || high != 1 {
			t.Errorf("%d slices hold a key %v to %v times, %v", n, low, high, err)
		}
	}
}

func TestWire(t *testing.T) {
	id := record.PatientID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	wire := Wire(id)
	if wire != [16]byte{16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1} {
		t.Errorf("wire of %x = %x", id, wire)
	}
	if back := fromWire(string(wire[:])); back != id {
		t.Errorf("back from the wire = %x, want %x", back, id)
	}
}

// TestTouchedGivesUpNames holds the memory of a large import bounded.
func TestTouchedGivesUpNames(t *testing.T) {
	var few, many touched
	for i := range 3 * listed {
		id := record.PatientID{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
		many.add(Batch{Touched: []record.PatientID{id}})
		few.add(Batch{Touched: []record.PatientID{{byte(i)}}})
	}
	few.compact()
	if few.all || len(few.patients) != 256 {
		t.Errorf("256 patients touched often: all = %v, %d named", few.all, len(few.patients))
	}
	if !many.all || len(many.patients) != 0 {
		t.Errorf("%d patients: all = %v, %d named", 3*listed, many.all, len(many.patients))
	}
}

// TestRefusalQuotesNoRow holds the engine's words back but for the error's name.
func TestRefusalQuotesNoRow(t *testing.T) {
	err := refusal("243", []byte("Code: 243. DB::Exception: Cannot reserve space for Jane (NHS) of X. (NOT_ENOUGH_SPACE) (version 26)"))
	if text := err.Error(); strings.Contains(text, "Jane") || !strings.Contains(text, "disk is full") {
		t.Errorf("refusal = %q", text)
	}
	if text := refusal("", []byte("gone")).Error(); strings.Contains(text, "gone") {
		t.Errorf("refusal = %q", text)
	}
}
