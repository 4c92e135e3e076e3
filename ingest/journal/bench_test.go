package journal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkAppend appends entries of 600 bytes, about a scored answer, to the
// machine's disk: the fsync of the folder for temporary files is what it
// measures.
func BenchmarkAppend(b *testing.B) {
	entry := make([]byte, 600)
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j := mustOpen(b, Options{Dir: b.TempDir()})
			defer j.Close()
			b.SetBytes(int64(len(entry)))
			b.ReportAllocs()
			var all sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			for range callers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := j.Append(context.Background(), entry); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// BenchmarkNext reads entries that were appended 64 at a time.
func BenchmarkNext(b *testing.B) {
	j := mustOpen(b, Options{Dir: b.TempDir(), Files: machine{}})
	defer j.Close()
	var all sync.WaitGroup
	const callers, each = 64, 50
	for range callers {
		all.Go(func() {
			for range each {
				if _, err := j.Append(context.Background(), make([]byte, 600)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.SetBytes(600)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%(callers*each) == 0 {
			if err := j.Reader().Rewind(); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := j.Reader().Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
