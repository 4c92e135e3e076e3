package export

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// asArrow writes an Arrow stream.
type asArrow struct{ out *ipc.Writer }

func newArrow(to io.Writer, s *arrow.Schema) (encoder, error) {
	return asArrow{ipc.NewWriter(to, ipc.WithSchema(s), ipc.WithZstd())}, nil
}

func (a asArrow) write(rec arrow.Record) error { return a.out.Write(rec) }

// end writes the mark without which a reader knows that the stream is not whole.
func (a asArrow) end() error { return a.out.Close() }

// asParquet writes a file whose end says where everything is: without it there
// is none. A row group is a record of the store.
type asParquet struct{ out *pqarrow.FileWriter }

func newParquet(to io.Writer, s *arrow.Schema) (encoder, error) {
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	out, err := pqarrow.NewFileWriter(s, struct{ io.Writer }{to}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	return asParquet{out}, err
}

func (p asParquet) write(rec arrow.Record) error { return p.out.Write(rec) }

func (p asParquet) end() error { return p.out.Close() }
