package http

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/lumbar-health/lumbar/ingest"
)

// maxListing is the longest list of refused lines, in bytes: it may be many
// times as long as what it lists.
const maxListing = 1 << 30

// listing writes an OperationOutcome a line for every refused line of an import,
// as they come.
type listing struct {
	body    *spooled
	file    *os.File
	out     *bufio.Writer
	written int64
	short   bool // not all could be written
}

// newListing begins the list anew: what a broken-off run had listed comes again.
func newListing(path string, body *spooled) (*listing, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &listing{body: body, file: f, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

// add lists a refused record. That the list can not be written does not stop an
// import: the refused lines are in the quarantine.
func (l *listing) add(rec *ingest.Record) {
	if l.short {
		return
	}
	row := RowReply{Result: ingest.ResultRejected, Reasons: rec.Reasons, Flags: rec.Flags}
	o := outcomeOf(&row, "")
	for i := range o.Issues {
		one := &o.Issues[i]
		one.Expression = nil // it needs the type of the resource
		if one.Diagnostics == "" {
			one.Diagnostics = one.Details.Text
		}
		one.Diagnostics = l.body.where(rec.Line) + ": " + one.Diagnostics
	}
	text, err := json.Marshal(o)
	if l.short = err != nil || l.written+int64(len(text)) >= maxListing; l.short {
		return
	}
	l.written += int64(len(text)) + 1
	_, err = l.out.Write(append(text, '\n'))
	l.short = err != nil
}

// close makes the list durable; short says that it is not whole.
func (l *listing) close() (short bool) {
	err := errors.Join(l.out.Flush(), l.file.Sync(), l.file.Close())
	return l.short || err != nil
}

// where names a line of the import as its sender knows it.
func (k *spooled) where(line int) string {
	input, at := k.place(line)
	if len(k.Starts) == 0 {
		return fmt.Sprintf("line %d", at)
	}
	return fmt.Sprintf("input %d, line %d", input+1, at)
}
