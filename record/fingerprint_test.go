package record

import "testing"

// TestFingerprintTellsItsPartsApart holds each part of a row's identity in the
// sum. That the engine computes the same is tested in store/write.
func TestFingerprintTellsItsPartsApart(t *testing.T) {
	type key struct {
		kind        byte
		patient     PatientID
		id, version uint64
	}
	seen := map[uint64]key{}
	for _, kind := range []byte{FingerprintResponse, FingerprintEpisode, FingerprintEvent, FingerprintPatient} {
		for _, patient := range []PatientID{{}, {1}, {0, 1}, {8: 1}, {15: 1}, {0: 255, 15: 255}} {
			for id := range uint64(4) {
				for version := range uint64(4) {
					k := key{kind, patient, id, version}
					f := Fingerprint(kind, patient, id, version<<12)
					if other, twice := seen[f]; twice {
						t.Errorf("%+v and %+v have one fingerprint", k, other)
					}
					seen[f] = k
				}
			}
		}
	}
	// Fixed for ever: filters and stores of two programs must agree.
	patient := PatientID{0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if got := Fingerprint(FingerprintResponse, patient, 1<<63+5, 77); got != 0xe376dd95958bf084 {
		t.Errorf("fingerprint = %#x", got)
	}
}
