package ingest

import (
	"crypto/rand"
	"encoding/hex"
)

// Reader reads the records of one source, checked and scored. What is refused
// is ready for the quarantine.
type Reader struct {
	p        *Pipeline
	decoder  Decoder
	format   string
	delivery string
}

// Reader starts a source of the format of that name.
func (p *Pipeline) Reader(d Decoder, format string) *Reader {
	var id [8]byte
	_, _ = rand.Read(id[:]) // it never fails
	return &Reader{p: p, decoder: d, format: format, delivery: hex.EncodeToString(id[:])}
}

// offset is how far a decoder says it is in a source that it does not read from
// front to back, in bytes; 0 for all others.
func (s *Reader) offset() int64 {
	if d, ok := s.decoder.(interface{ Offset() int64 }); ok {
		return d.Offset()
	}
	return 0
}

// Next fills r, which is empty, with the next record. The error is the
// decoder's.
func (s *Reader) Next(r *Record) error {
	if err := s.decoder.Next(r); err != nil {
		return err
	}
	if len(r.Reasons) == 0 {
		s.p.Prepare(r)
	}
	if len(r.Reasons) == 0 && r.rows() == 0 {
		r.Reject("record", RuleRequired)
	}
	if len(r.Reasons) > 0 {
		s.p.sealer.keep(r, s.decoder, s.format, s.delivery)
	}
	return nil
}
