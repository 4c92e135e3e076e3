package csvfile

import (
	"bufio"
	"io"
	"unicode/utf8"
)

// Encodings that a mapping may declare.
const (
	encodingUTF8    = "utf-8"
	encodingWindows = "windows-1252"
)

// windows1252 is what the bytes 0x80 to 0x9f mean in it; the other bytes are
// Latin-1. Five have no meaning.
var windows1252 = [32]rune{
	'€', utf8.RuneError, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', utf8.RuneError, 'Ž', utf8.RuneError,
	utf8.RuneError, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', utf8.RuneError, 'ž', 'Ÿ',
}

// fromWindows reads text in Windows-1252 as UTF-8.
type fromWindows struct {
	in   *bufio.Reader
	left []byte // of a character that did not fit
	room [utf8.UTFMax]byte
}

// Read fills p with UTF-8.
func (w *fromWindows) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(w.left) > 0 {
			m := copy(p[n:], w.left)
			w.left = w.left[m:]
			n += m
			continue
		}
		c, err := w.in.ReadByte()
		switch {
		case err != nil && n > 0:
			return n, nil // it comes again
		case err != nil:
			return 0, err
		case c < 0x80:
			p[n] = c
			n++
			continue
		}
		r := rune(c)
		if c < 0xa0 {
			r = windows1252[c-0x80]
		}
		w.left = w.room[:utf8.EncodeRune(w.room[:], r)]
	}
	return n, nil
}

// decoded is the source as UTF-8.
func decoded(in *bufio.Reader, encoding string) io.Reader {
	if encoding == encodingWindows {
		return &fromWindows{in: in}
	}
	return in
}
