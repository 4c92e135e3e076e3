package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Canonical writes parameters as JSON: defaults filled in by the caller, names
// sorted, lists in their order.
func Canonical(params map[string][]string) (string, error) {
	text, err := json.Marshal(params) // sorts the names
	return string(text), err
}

// Parse reads what Canonical wrote.
func Parse(canonical string) (map[string][]string, error) {
	var params map[string][]string
	if err := json.Unmarshal([]byte(canonical), &params); err != nil {
		return nil, fmt.Errorf("receipt: parameters are not canonical JSON: %w", err)
	}
	return params, nil
}

// Identity is all that an answer depends on.
type Identity struct {
	Question, Parameters                  string // Parameters in canonical form
	DataVersion, Seed                     uint64
	CodeVersion, RegistryVersion, Ruleset string
}

// ID is the receipt's id: the first 128 bits of the SHA-256 of the identity, in
// hexadecimal. Any process computes the same one.
func (i Identity) ID() string {
	text := strings.Join([]string{
		i.Question, i.Parameters, fmt.Sprint(i.DataVersion), fmt.Sprint(i.Seed), i.CodeVersion, i.RegistryVersion, i.Ruleset,
	}, "\x00")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
