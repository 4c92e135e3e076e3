package nhsproms

import (
	"bytes"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
)

// joint is one of the two kinds of file.
type joint struct {
	primary    string // the programme's procedures
	revision   string
	procedure  string // canonical value of the column Procedure
	instrument instruments.ID
	predicted  string // canonical name of the column that only this kind has
}

var joints = []joint{
	{"hip_primary", "hip_revision", "hipreplacement", "ohs", "ohspostopqpredicted"},
	{"knee_primary", "knee_revision", "kneereplacement", "oks", "okspostopqpredicted"},
}

// shared are the canonical names of the columns that both kinds have, beside
// the Oxford items, in the order in which a record is hashed. Canonical is a
// header without the joint's name, case, spaces and punctuation, and with the
// known misspellings put right.
var shared = []string{
	"providercode", "procedure", "revisionflag", "year", "ageband", "gender",
	"preopqassisted", "preopqassistedby", "preopqsymptomperiod", "preopqprevioussurgery", "preopqlivingarrangements", "preopqdisability",
	"heartdisease", "highbp", "stroke", "circulation", "lungdisease", "diabetes",
	"kidneydisease", "nervoussystem", "liverdisease", "cancer", "depression", "arthritis",
	"preopqmobility", "preopqselfcare", "preopqactivity", "preopqdiscomfort", "preopqanxiety", "preopqeq5dindexprofile", "preopqeq5dindex",
	"postopqassisted", "postopqassistedby", "postopqlivingarrangements", "postopqdisability",
	"postopqmobility", "postopqselfcare", "postopqactivity", "postopqdiscomfort", "postopqanxiety",
	"postopqsatisfaction", "postopqsuccess", "postopqallergy", "postopqbleeding", "postopqwound", "postopqurine", "postopqfurthersurgery", "postopqreadmitted",
	"postopqeq5dindexprofile", "postopqeq5dindex", "eq5dindexpostopqpredicted",
	"preopqeqvas", "postopqeqvas", "eqvaspostopqpredicted",
	"preopqscore", "postopqscore",
}

// dimensions of EQ-5D in the order of its items.
var dimensions = []string{"mobility", "selfcare", "activity", "discomfort", "anxiety"}

// misspelt are spellings met in published files.
var misspelt = strings.NewReplacer("sucess", "success", "organsation", "organisation")

// canonical returns the name of a header on which hip and knee files, and the
// files of different years, agree.
func canonical(header string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(header) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
		}
	}
	name := b.String()
	for _, j := range joints {
		if rest := strings.TrimPrefix(name, j.procedure); rest != "" {
			name = rest
		}
	}
	return misspelt.Replace(name)
}

// header finds the columns of a file.
type header struct {
	joint   joint
	names   []string       // as in the file
	at      map[string]int // canonical name to position
	ordered []int          // positions in the order in which a record is hashed
	labels  []string       // their canonical names
}

// readHeader reads the first line. A file that is no such file, or lacks a
// column, is refused as a whole.
func readHeader(source string, line []byte) (*header, error) {
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	cells, ok := split(line, nil)
	if !ok || len(cells) < 2 {
		return nil, &ingest.FileError{Source: source, Wrong: "is not a CSV file with a header", Advice: "give the record-level file as NHS England publishes it"}
	}
	h := &header{at: make(map[string]int, len(cells))}
	for i, c := range cells {
		name := canonical(string(c))
		if _, twice := h.at[name]; twice && name != "" {
			return nil, &ingest.FileError{Source: source, Wrong: "has the column " + quote(string(c)) + " twice", Advice: "give the record-level file as NHS England publishes it"}
		}
		h.names = append(h.names, string(c))
		h.at[name] = i
	}
	for _, j := range joints {
		if _, ok := h.at[j.predicted]; ok {
			h.joint = j
			return h, h.complete(source)
		}
	}
	return nil, &ingest.FileError{
		Source: source, Wrong: "has no column with predicted Oxford scores",
		Advice: "give the record-level hip or knee file as NHS England publishes it, not a results table",
	}
}

// complete checks that every column is there and fixes the order of hashing.
func (h *header) complete(source string) error {
	oxford, err := instruments.Lookup(h.joint.instrument, "")
	if err != nil {
		return err
	}
	names := append([]string{}, shared...)
	for _, item := range oxford.Items {
		topic := canonical(item.Label)
		names = append(names, "preopq"+topic, "postopq"+topic)
	}
	names = append(names, h.joint.predicted)
	for _, name := range names {
		at, ok := h.at[name]
		if !ok {
			return &ingest.FileError{
				Source: source, Wrong: "lacks the column that is " + name + " without spaces and punctuation",
				Advice: "give the record-level file with all of its columns as NHS England publishes it",
			}
		}
		h.ordered, h.labels = append(h.ordered, at), append(h.labels, name)
	}
	return nil
}

// quote shortens a header for a message.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
