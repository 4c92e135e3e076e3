package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
)

// Mapped reports whether the table is read through a mapping.
func (d *Decoder) Mapped() bool { return d.mapped }

// reopen reads a line as Quote returns it: in UTF-8 and with commas, whatever
// the file and its mapping said.
func reopen(in ingest.Input) (ingest.Decoder, error) {
	body, err := io.ReadAll(in.Reader)
	if err != nil {
		return nil, fmt.Errorf("%s can not be read: %w", in.Name, err)
	}
	m := &mapping{Delimiter: ","}
	if len(in.Mapping) > 0 {
		if m, err = readMapping(in.Mapping); err != nil {
			return nil, err
		}
		m.Encoding, m.Delimiter = "", ","
	} else {
		body = withPatient(body)
	}
	in.Reader = bufio.NewReaderSize(bytes.NewReader(body), max(len(body)+1, headSize))
	return newDecoder(in, m)
}

// withPatient adds an empty column for the patient to a line that has none: the
// line was refused for that, and not its file.
func withPatient(body []byte) []byte {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil || slices.Contains(head, "patient_nhs_number") || slices.Contains(head, "patient_pseudonym") {
		return body
	}
	cells, err := r.Read()
	if err != nil || len(cells) != len(head) {
		return body
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll([][]string{append(head, "patient_pseudonym"), append(cells, "")}) // a buffer takes everything
	return b.Bytes()
}
