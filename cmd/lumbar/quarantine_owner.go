package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/web"
)

// What a command asks for.
const (
	quarantineList    = "list"
	quarantineRetry   = "retry"
	quarantineDiscard = "discard"
)

// quarantineRequest is what a command asks the owner of the data directory for.
type quarantineRequest struct {
	Do      string                  `json:"do"`
	Actor   string                  `json:"actor"`
	Filter  record.QuarantineFilter `json:"filter"`
	Limit   int                     `json:"limit"`
	Mapping []byte                  `json:"mapping"`
	DryRun  bool                    `json:"dry_run"`
	Why     string                  `json:"why"`
}

// quarantineAnswer is the answer to one of them.
type quarantineAnswer struct {
	List      *quarantineListed     `json:"list,omitempty"`
	Retry     *ingest.RequeueReport `json:"retry,omitempty"`
	Discarded int                   `json:"discarded,omitempty"`
	// NotHeld are ids that were asked for and are not held.
	NotHeld []string `json:"not_held,omitempty"`
}

// quarantineListed is a list of refused rows: what is known of each but what
// stood in it.
type quarantineListed struct {
	Rows  []quarantineRow `json:"rows"`
	Total int             `json:"total"` // that fit
	Rules map[string]int  `json:"rules"` // of all that fit; a row counts under each rule that it breaks
}

type quarantineRow struct {
	ID         string          `json:"id"`
	State      string          `json:"state"`
	ReceivedAt time.Time       `json:"received_at"`
	Format     string          `json:"format"`
	Delivery   string          `json:"delivery"`
	Line       int             `json:"line"`
	Reasons    []record.Reason `json:"reasons"`
	Flags      []string        `json:"flags"`
}

func serveQuarantine(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req quarantineRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not a question about the quarantine")
			return
		}
		answer, err := h.quarantine(r.Context(), req)
		send(w, answer, err)
	})
}

// shelf is the store's quarantine as ingest uses it.
type shelf struct{ *store.Store }

func (s shelf) QuarantineIDs(ctx context.Context, f record.QuarantineFilter) ([]uint64, error) {
	return s.Reader().QuarantineIDs(ctx, f)
}

func (s shelf) QuarantineBodies(ctx context.Context, ids []uint64) ([]record.Quarantined, error) {
	return s.Reader().QuarantineBodies(ctx, ids)
}

func (s shelf) Settle(ctx context.Context, rows []record.Quarantined) error {
	return s.Writer().Settle(ctx, rows)
}

// quarantine does what a command asks for.
func (h *house) quarantine(ctx context.Context, r quarantineRequest) (answer quarantineAnswer, err error) {
	// What was refused a moment ago may still be in the journal.
	if err := h.intake.Drained(ctx); err != nil {
		return answer, err
	}
	if r.Do == quarantineList {
		answer.List, err = h.listQuarantine(ctx, r)
		return answer, err
	}
	if answer.NotHeld, err = h.notHeld(ctx, r.Filter.IDs); err != nil {
		return answer, err
	}
	if r.Do == quarantineDiscard {
		answer.Discarded, err = h.discard(ctx, r)
		return answer, err
	}
	submit := func(ctx context.Context, records []*ingest.Record) error {
		_, err := h.intake.Submit(ctx, records)
		return err
	}
	report, err := h.pipeline.Requeue(ctx, shelf{h.store}, submit, ingest.RequeueOptions{Filter: r.Filter, Mapping: r.Mapping, DryRun: r.DryRun})
	answer.Retry = &report
	if err == nil {
		err = h.intake.Drained(ctx) // the next command shall see what was stored
	}
	return answer, err
}

func (h *house) listQuarantine(ctx context.Context, r quarantineRequest) (*quarantineListed, error) {
	rows, err := h.store.Reader().Quarantine(ctx, r.Filter, r.Limit)
	if err != nil {
		return nil, err
	}
	list := &quarantineListed{Rows: []quarantineRow{}}
	for _, q := range rows {
		list.Rows = append(list.Rows, quarantineRow{
			ID: ingest.QuarantineID(q.ID), State: q.State.String(), ReceivedAt: q.ReceivedAt, Format: q.Format, Delivery: q.Delivery, Line: q.Line,
			Reasons: append([]record.Reason{}, q.Reasons...), Flags: append([]string{}, q.Flags...),
		})
	}
	list.Total, list.Rules, err = h.store.Reader().QuarantineCounts(ctx, r.Filter)
	return list, err
}

// notHeld are those of the ids that name no row that is held.
func (h *house) notHeld(ctx context.Context, ids []uint64) (list []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	there, err := h.store.Reader().QuarantineIDs(ctx, record.QuarantineFilter{IDs: ids, State: record.Held})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.Contains(there, id) {
			list = append(list, ingest.QuarantineID(id))
		}
	}
	return list, nil
}

// discard gives rows up. The audit says so before it is done.
func (h *house) discard(ctx context.Context, r quarantineRequest) (int, error) {
	r.Filter.State = record.Held
	ids, err := h.store.Reader().QuarantineIDs(ctx, r.Filter)
	if err != nil {
		return 0, err
	}
	rows, err := h.store.Reader().QuarantineBodies(ctx, ids)
	if err != nil {
		return 0, err
	}
	lines := make([]record.Access, len(rows))
	for i := range rows {
		rows[i].State = record.Discarded
		lines[i] = record.Access{
			At: time.Now(), Actor: r.Actor, Role: "operator", Action: "quarantine discard", Purpose: r.Why,
			Subject: ingest.QuarantineID(rows[i].ID), Rows: 1,
		}
	}
	if err := h.store.Writer().Audit(ctx, lines...); err != nil {
		return 0, err
	}
	return len(rows), h.store.Writer().Settle(ctx, rows)
}
