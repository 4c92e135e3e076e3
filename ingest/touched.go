package ingest

import (
	"encoding/binary"

	"github.com/lumbar-health/lumbar/record"
)

// touched lists patients, each once, in the order in which they come. It is for
// many batches, one after the other: a map takes several times as long.
type touched struct {
	list  []record.PatientID
	slots []int32 // place in list from 1; 0 = free
}

// add appends the patient where the list does not have it.
func (t *touched) add(id record.PatientID) {
	if n := len(t.list); n > 0 && t.list[n-1] == id {
		return
	}
	if 2*len(t.list) >= len(t.slots) {
		t.grow()
	}
	if at := t.place(id); t.slots[at] == 0 {
		t.list = append(t.list, id)
		t.slots[at] = int32(len(t.list))
	}
}

// place is the slot of the patient, or a free one where it may be put.
func (t *touched) place(id record.PatientID) int {
	mixed := fold(binary.LittleEndian.Uint64(id[:8])^hashSecrets[0], binary.LittleEndian.Uint64(id[8:])^hashSecrets[1])
	at := int(mixed & uint64(len(t.slots)-1))
	for t.slots[at] != 0 && t.list[t.slots[at]-1] != id {
		at = (at + 1) & (len(t.slots) - 1)
	}
	return at
}

func (t *touched) grow() {
	t.slots = make([]int32, max(2*len(t.slots), 1024))
	for i, id := range t.list {
		t.slots[t.place(id)] = int32(i + 1)
	}
}

// taken hands the list over and starts anew.
func (t *touched) taken() []record.PatientID {
	list := t.list
	t.list = make([]record.PatientID, 0, len(list))
	clear(t.slots)
	return list
}
