package write

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/record"
)

// Wire returns the patient's key as it travels in Arrow: a fixed-size binary of
// 16 bytes that holds the engine's UInt128, least significant byte first.
// record.PatientID is written most significant byte first, as it is printed.
func Wire(id record.PatientID) [16]byte {
	for i, j := 0, len(id)-1; i < j; i, j = i+1, j-1 {
		id[i], id[j] = id[j], id[i]
	}
	return id
}

// parts are the batch's records in the order in which they are stored: a score
// without its response would be an orphan after a crash.
func (b Batch) parts() []part {
	return []part{{Responses, b.Response}, {scores, b.Score}, {Episodes, b.Episode}, {Events, b.Event}, {Patients, b.Patient}}
}

type part struct {
	table  Table
	record arrow.Record
}

func (b Batch) rows() int64 {
	var n int64
	for _, p := range b.parts() {
		if p.record != nil {
			n += p.record.NumRows()
		}
	}
	return n
}

// insertFacts stores the batch's records one after the other.
func (w *Writer) insertFacts(ctx context.Context, batch string, b Batch) error {
	for _, p := range b.parts() {
		if p.record == nil || p.record.NumRows() == 0 {
			continue
		}
		s, err := w.openStream(ctx, p.table, p.record.Schema(), batch+"/"+string(p.table), nil)
		if err != nil {
			return err
		}
		if err := s.write(p.record); err != nil {
			return err
		}
		if err := s.close(); err != nil {
			return err
		}
	}
	return nil
}

// earliest returns the earliest received_at of the batch's rows, or now.
func (b Batch) earliest(now time.Time) time.Time {
	first := now
	for _, p := range b.parts() {
		if p.record == nil {
			continue
		}
		for _, i := range p.record.Schema().FieldIndices("received_at") {
			kind, ok := p.record.Schema().Field(i).Type.(*arrow.TimestampType)
			times, isTimes := p.record.Column(i).(*array.Timestamp)
			if !ok || !isTimes {
				continue
			}
			for row := range times.Len() {
				if at := times.Value(row).ToTime(kind.Unit); times.IsValid(row) && at.Before(first) {
					first = at
				}
			}
		}
	}
	return first
}
