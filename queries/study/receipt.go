package study

import (
	"encoding/json"
	"time"

	"github.com/lumbar-health/lumbar/queries/receipt"
	"github.com/lumbar-health/lumbar/store/read"
)

// Receipt makes the receipt of an answer about a version of the data and puts
// its id on the answer. The protocol itself stands in the parameters.
func (p *Protocol) Receipt(version uint64, a *Answer, rule string, exact bool, codeVersion string, now time.Time) (read.Receipt, error) {
	protocol, err := json.Marshal(p)
	if err != nil {
		return read.Receipt{}, err
	}
	a.Receipt = receipt.Identity{
		Question: "study", Parameters: string(protocol), DataVersion: version, CodeVersion: codeVersion, Ruleset: rule,
	}.ID()
	text, err := json.Marshal(a)
	if err != nil {
		return read.Receipt{}, err
	}
	return read.Receipt{
		At: now.UTC().Truncate(time.Microsecond), ID: a.Receipt, Actor: "data directory", Question: "study", Parameters: string(protocol),
		DataVersion: version, CodeVersion: codeVersion, Seed: p.Seed, DisclosureRule: rule, Exact: exact, Answer: string(text),
	}, nil
}
