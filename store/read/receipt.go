package read

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrNoReceipt says that no receipt has that id.
var ErrNoReceipt = errors.New("no such receipt")

// Receipt says how one number was made: enough to make it again.
type Receipt struct {
	At              time.Time // to the microsecond, UTC
	ID              string
	Actor           string
	Question        string
	Parameters      string // as canonical JSON
	DataVersion     uint64
	CodeVersion     string
	RegistryVersion string
	Seed            uint64
	DisclosureRule  string
	Exact           bool // no sum of it was rounded
	Answer          string
}

const receiptColumns = "SELECT at, receipt_id, actor, question, parameters, data_version, code_version, registry_version, seed, disclosure_rule, exact, answer FROM receipt WHERE "

// Receipt returns the receipt of that id, or an error that wraps ErrNoReceipt.
func (r *Reader) Receipt(ctx context.Context, id string) (Receipt, error) {
	s := newStatement(r.catalogue())
	found, err := r.receipts(ctx, s, receiptColumns+"receipt_id = "+s.text(id)+" ORDER BY at LIMIT 1")
	if err != nil {
		return Receipt{}, err
	}
	if len(found) == 0 {
		return Receipt{}, fmt.Errorf("store: receipt: %w", ErrNoReceipt)
	}
	return found[0], nil
}

// Receipts returns the receipts of the answers given at a data version, oldest
// first.
func (r *Reader) Receipts(ctx context.Context, dataVersion uint64) ([]Receipt, error) {
	s := newStatement(r.catalogue())
	which := s.bind("UInt64", fmt.Sprint(dataVersion))
	return r.receipts(ctx, s, receiptColumns+"data_version = "+which+" ORDER BY at, receipt_id")
}

func (r *Reader) receipts(ctx context.Context, s *statement, text string) ([]Receipt, error) {
	var found []Receipt
	err := r.query(ctx, "read receipt", s, text, func(rows driver.Rows) error {
		var one Receipt
		var exact uint8
		err := rows.Scan(&one.At, &one.ID, &one.Actor, &one.Question, &one.Parameters, &one.DataVersion,
			&one.CodeVersion, &one.RegistryVersion, &one.Seed, &one.DisclosureRule, &exact, &one.Answer)
		one.Exact = exact != 0
		found = append(found, one)
		return err
	})
	return found, err
}
