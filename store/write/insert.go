package write

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

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

// insertFacts stores the batch's records: the tables at the same time, but for
// the scores, which follow their responses.
func (w *Writer) insertFacts(ctx context.Context, batch string, b Batch) error {
	var group errgroup.Group
	for _, p := range b.parts() {
		switch p.table {
		case scores:
			continue
		case Responses:
			group.Go(func() error {
				if err := w.insertPart(ctx, batch, p); err != nil {
					return err
				}
				return w.insertPart(ctx, batch, part{scores, b.Score})
			})
		default:
			group.Go(func() error { return w.insertPart(ctx, batch, p) })
		}
	}
	return group.Wait()
}

func (w *Writer) insertPart(ctx context.Context, batch string, p part) error {
	if p.record == nil || p.record.NumRows() == 0 {
		return nil
	}
	s, err := w.openStream(ctx, p.table, p.record.Schema(), batch+"/"+string(p.table), nil)
	if err != nil {
		return err
	}
	if err := s.write(p.record); err != nil {
		return err
	}
	return s.close()
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
