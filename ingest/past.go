package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// past is what came before in a batch.
type past struct {
	first    map[uint64]version // by the row's place, see at
	further  map[uint64][]version
	places   map[record.PatientID]uint32
	patients []record.PatientID
}

// version is one version of a row, and whose it is.
type version struct {
	number  uint64
	patient uint32 // place in patients
}

func newPast() *past {
	return &past{first: map[uint64]version{}, further: map[uint64][]version{}, places: map[record.PatientID]uint32{}}
}

func (p *past) clear() {
	clear(p.first)
	clear(p.further)
	clear(p.places)
	p.patients = p.patients[:0]
}

// at is where the versions of a row stand: ids are 64 bits of a hash, so that
// those of all tables can share a map.
func at(k *Key) uint64 {
	switch k.Table {
	case Responses:
		return k.ID
	case Episodes:
		return k.ID ^ 0x9e3779b97f4a7c15
	case Events:
		return k.ID ^ 0xc2b2ae3d27d4eb4f
	}
	return binary.BigEndian.Uint64(k.PatientID[:])
}

// again notes a version of a row and reports whether it was noted before.
func (p *past) again(k *Key) bool {
	patient, known := p.places[k.PatientID]
	if !known {
		patient = uint32(len(p.patients))
		p.places[k.PatientID] = patient
		p.patients = append(p.patients, k.PatientID)
	}
	v, row := version{k.Version, patient}, at(k)
	first, more := p.first[row]
	switch {
	case !more:
		p.first[row] = v
		return false
	case first == v || slices.Contains(p.further[row], v):
		return true
	}
	p.further[row] = append(p.further[row], v)
	return false
}

// holders appends to a copy of list the patients under whom the response came,
// each once, but not those of a correction that is newer than v: of two the
// newer withdraws the older, not each the other.
func (p *past) holders(v *Response, list []record.PatientID) []record.PatientID {
	first, held := p.first[v.ID]
	if !held {
		return list
	}
	list = slices.Clip(list)
	for _, other := range append([]version{first}, p.further[v.ID]...) {
		patient := p.patients[other.patient]
		if (other.number < v.Version || !corrects(other.number)) && !slices.Contains(list, patient) {
			list = append(list, patient)
		}
	}
	return list
}

// corrected reports whether a correction of the response that is newer than v
// came, under one of the patients, or under anybody where none is named.
func (p *past) corrected(v *Response, under ...record.PatientID) bool {
	newer := func(other version) bool {
		return other.number > v.Version && corrects(other.number) &&
			(len(under) == 0 || slices.Contains(under, p.patients[other.patient]))
	}
	return newer(p.first[v.ID]) || slices.ContainsFunc(p.further[v.ID], newer)
}
