package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// endless is a line over and over.
type endless struct {
	line string
	left int // bytes
	at   int
}

// Read fills p.
func (e *endless) Read(p []byte) (n int, err error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	for n < len(p) {
		k := copy(p[n:], e.line[e.at:])
		n += k
		e.at = (e.at + k) % len(e.line)
	}
	e.left -= n
	return n, nil
}

// TestScannerIsBounded: whatever stands in a source, the scanner holds no more
// than two records of the greatest length.
func TestScannerIsBounded(t *testing.T) {
	for name, line := range map[string]string{
		"lines": "a,b,c\n", "no end": "a,b,c", "marks": `"`, "open cells": "a,\"b\n", "doubled": `""`, "blank": "\n", "wide": strings.Repeat(",", 1000) + "\n",
		"open and long": `"` + strings.Repeat("x", 100_000) + "\n",
	} {
		s := newScanner(&endless{line: line, left: 24 << 20}, ',')
		n := 0
		for {
			if _, err := s.record(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(name, err)
			}
			n++
		}
		if cap(s.buf) > 2*maxRecord || cap(s.plain) > 4*maxRecord {
			t.Errorf("%s: %d and %d bytes are held after %d records", name, cap(s.buf), cap(s.plain), n)
		}
	}
}

// TestScannerAgreesWithTheStandardLibrary on every table that it writes.
func TestScannerAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringOfN(rapid.RuneFrom([]rune("ab\",\n;é")), 0, 6, -1)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 8).Draw(t, "rows")
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		s := newScanner(oneByte{strings.NewReader(b.String())}, ',')
		for i, row := range rows {
			how, err := s.record()
			if err != nil || how != whole || len(s.cells) != len(row) {
				t.Fatalf("record %d of %q: %v, %v, %d cells", i, b.String(), how, err, len(s.cells))
			}
			for j := range row {
				want := strings.TrimSpace(row[j])
				if got := strings.ReplaceAll(string(s.cells[j]), "\r\n", "\n"); got != want {
					t.Fatalf("cell %d of record %d of %q is %q, want %q", j, i, b.String(), got, want)
				}
			}
		}
		if _, err := s.record(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last record of %q: %v", b.String(), err)
		}
	})
}

// oneByte reads one byte at a time: every place is the end of a read.
type oneByte struct{ in io.Reader }

// Read reads one byte.
func (o oneByte) Read(p []byte) (int, error) { return o.in.Read(p[:min(len(p), 1)]) }
