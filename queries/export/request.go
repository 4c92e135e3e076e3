package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/store/read"
)

// Basis is why the national data opt-out does not apply to a use of data. An
// extract with a basis holds those who opted out.
type Basis string

// Bases, as the national policy has them.
const (
	Consent        Basis = "consent"         // the people consented to this use
	LegalDuty      Basis = "legal_duty"      // the law requires it
	PublicInterest Basis = "public_interest" // an overriding interest of the public
	IndividualCare Basis = "individual_care" // it is for the care of these people
)

// Bases returns the bases in their order.
func Bases() []string {
	return []string{string(Consent), string(LegalDuty), string(PublicInterest), string(IndividualCare)}
}

// Request is one wish for an extract.
type Request struct {
	Table     string `json:"table"`
	Programme string `json:"programme"` // empty = all
	// Purpose is what the extract is for; the audit keeps it.
	Purpose string `json:"purpose"`
	Format  Format `json:"format"`
	Actor   string `json:"actor"`
	Role    string `json:"role"`
	// Basis is why opt-outs do not apply. Only a command run by whoever holds the
	// data directory may state it, never a route.
	Basis Basis `json:"basis"`
	// Undisclosed asks for the store's own pseudonyms, for the moments behind the
	// days and for the senders' identifiers: likewise a command's only.
	Undisclosed bool `json:"undisclosed"`
}

// Tables returns the tables that can be extracted.
func Tables() []string { return read.ExtractTables() }

const maxPurpose = 500

// Check finds what is wrong with a request before any data are opened. An error
// is a *queries.Error.
func (r Request) Check() error {
	wrong := func(format string, args ...any) error {
		return &queries.Error{Kind: queries.InvalidArgument, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !slices.Contains(read.ExtractTables(), r.Table):
		return &queries.Error{Kind: queries.NotFound, Message: "there is no extract of that table: extract one of " + strings.Join(read.ExtractTables(), ", ")}
	case strings.TrimSpace(r.Purpose) == "":
		return wrong("say what the extract is for: the purpose is recorded")
	case len(r.Purpose) > maxPurpose || !utf8.ValidString(r.Purpose) || strings.ContainsFunc(r.Purpose, unicode.IsControl):
		return wrong("the purpose must be plain text of at most %d bytes", maxPurpose)
	case !slices.Contains(Formats(), string(r.Format)):
		return wrong("there is no such format: take one of %s", strings.Join(Formats(), ", "))
	case r.Basis != "" && !slices.Contains(Bases(), string(r.Basis)):
		return wrong("there is no such reason why opt-outs do not apply: give one of %s", strings.Join(Bases(), ", "))
	}
	return nil
}
