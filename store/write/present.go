package write

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// present are the programmes that have, or may have, episodes.
type present struct {
	mu sync.Mutex
	of map[string]bool
	// unknown says that a batch did not tell its programmes: all may be there.
	unknown bool
}

// has says whether a programme may have episodes.
func (w *Writer) has(programme string) bool {
	w.present.mu.Lock()
	defer w.present.mu.Unlock()
	return w.present.unknown || w.present.of[programme]
}

// note adds the programmes of a batch's episodes, before these are stored.
func (p *present) note(b Batch) {
	if b.Episode == nil || b.Episode.NumRows() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := b.Episode.Schema().FieldIndices("programme")
	if len(at) != 1 {
		p.unknown = true
		return
	}
	texts, ok := b.Episode.Column(at[0]).(*array.String)
	if !ok {
		p.unknown = true
		return
	}
	for i := range texts.Len() {
		if s := texts.Value(i); !p.of[s] {
			p.of[strings.Clone(s)] = true // the batch's memory is not ours
		}
	}
}

// readPresent finds the programmes that have episodes.
func (w *Writer) readPresent(ctx context.Context) error {
	var found []string
	if err := w.conn.QueryRow(ctx, "SELECT groupUniqArray(toString(programme)) FROM episode").Scan(&found); err != nil {
		return fmt.Errorf("store: read the programmes of episode: %w", err)
	}
	w.present.mu.Lock()
	defer w.present.mu.Unlock()
	w.present.of = map[string]bool{}
	for _, id := range found {
		w.present.of[id] = true
	}
	return nil
}
