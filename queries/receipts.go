package queries

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// Receipt says how one answer was made: enough to make it again.
type Receipt struct {
	ID              string          `json:"id"`
	At              time.Time       `json:"at"`
	Actor           string          `json:"actor"`
	Question        string          `json:"question"`
	Parameters      json.RawMessage `json:"parameters"`
	DataVersion     uint64          `json:"data_version"`
	CodeVersion     string          `json:"code_version"`
	RegistryVersion string          `json:"registry_version"`
	Seed            uint64          `json:"seed"`
	DisclosureRule  string          `json:"disclosure_rule"`
	Exact           bool            `json:"exact"`
	Answer          json.RawMessage `json:"answer"`
}

// Receipt returns the receipt of a disclosed answer to a question. One of an
// undisclosed answer is not told of, because it holds exact numbers, nor one of
// a study, whose cohorts the ledger does not know.
func (d *Desk) Receipt(ctx context.Context, id string) (*Receipt, error) {
	r, err := d.cfg.Reader.Receipt(ctx, id)
	_, isQuestion := Lookup(r.Question)
	if errors.Is(err, read.ErrNoReceipt) || err == nil && (r.DisclosureRule == disclosure.NoRule || !isQuestion) {
		return nil, &Error{Kind: NotFound, Message: "no such receipt: it is the id that came with an answer"}
	}
	if err != nil {
		return nil, d.failed(ctx, Question{Name: "receipt"}, err)
	}
	return &Receipt{
		ID: r.ID, At: r.At, Actor: r.Actor, Question: r.Question, Parameters: json.RawMessage(r.Parameters),
		DataVersion: r.DataVersion, CodeVersion: r.CodeVersion, RegistryVersion: r.RegistryVersion, Seed: r.Seed,
		DisclosureRule: r.DisclosureRule, Exact: r.Exact, Answer: json.RawMessage(r.Answer),
	}, nil
}

// DataVersion is the number of the last committed batch: what answers are about.
func (d *Desk) DataVersion(ctx context.Context) (uint64, error) {
	return d.cfg.Reader.DataVersion(ctx)
}
