package read

import (
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/store/schema"
)

// NewFrame returns a reader of another table than outcome: the same questions,
// written as the same statements, about every row of it. A selection of it has no
// programme, and its numbers are in points as those of outcome are.
func NewFrame(conn driver.Conn, at HTTP, table string, columns []schema.Column) (*Reader, error) {
	catalogue, err := schema.NewFrame(table, columns)
	if err != nil {
		return nil, err
	}
	r, err := New(conn, catalogue, nil)
	if err != nil {
		return nil, err
	}
	r.streams = newStreams(at)
	return r, nil
}

// Close releases the idle connections of a frame's reader.
func (r *Reader) Close() {
	if r.streams != nil {
		r.streams.client.CloseIdleConnections()
	}
}
