package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"

	"github.com/lumbar-health/lumbar/record"
)

// InOutcome asks the engine whether answer n stands in table outcome, with the
// score that it must have.
func (s *Store) InOutcome(ctx context.Context, w World, n uint64) (bool, error) {
	found, err := s.Number(ctx, fmt.Sprintf("SELECT countIf(%s = %d) FROM outcome FINAL WHERE patient_id = toUInt128(%s)",
		Column(n), w.Expected(n), quoted(decimal(w.Patient(n/Slots)))))
	return found == 1, err
}

// InTimeline asks the program whether the person's timeline has answer n, once.
func (c *Client) InTimeline(ctx context.Context, w World, n uint64) (bool, error) {
	status, body, err := c.Get(ctx, "/v1/patients/"+w.Pseudonym(n/Slots)+"/timeline")
	if err != nil {
		return false, err
	}
	if status == http.StatusNotFound {
		return false, nil
	}
	var timeline struct {
		Responses []struct {
			Source struct{ System, Value string }
		}
	}
	if err := json.Unmarshal(body, &timeline); err != nil || status != http.StatusOK {
		return false, fmt.Errorf("load: timeline: status %d: %v", status, err)
	}
	found := 0
	for _, r := range timeline.Responses {
		if r.Source.System == w.System() && r.Source.Value == AnswerName(n) {
			found++
		}
	}
	return found == 1, nil
}

// decimal is a patient's key as the engine prints it.
func decimal(p record.PatientID) string { return new(big.Int).SetBytes(p[:]).String() }
