package journal

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrFull says that there is no room: the limit of Options.MaxBytes is reached,
// or the disk or quota is used up. Nothing was appended; it works again when
// Release or somebody else has made room.
var ErrFull = errors.New("journal: full")

// ErrClosed says that the journal is closed. The entry was not appended.
var ErrClosed = errors.New("journal: closed")

// ErrTooLarge says that an entry is longer than MaxEntryBytes, or than all that
// Options.MaxBytes allows.
var ErrTooLarge = errors.New("journal: entry too large")

// DamagedError says that entries that may have been acknowledged can not be read
// back: a frame is bad though it is no torn end, or files are missing. The files
// were left as they are.
type DamagedError struct {
	// File is the path of the segment.
	File string
	// Offset is the first byte that can not be read, from 0.
	Offset int64
	// First and Last are the numbers that are lost at most; Last is 0 where it
	// is not known.
	First, Last uint64
	// Wrong is what was found.
	Wrong string
	// Salvage is the name of the file by which an operator says: go on with what
	// is intact.
	Salvage string
}

// Error says file, offset and what to do.
func (e *DamagedError) Error() string {
	lost := fmt.Sprintf("from number %d on", e.First)
	if e.Last != 0 {
		lost = fmt.Sprintf("%d to %d", e.First, e.Last)
	}
	return fmt.Sprintf("journal: %s is damaged at offset %d (%s; entries %s): stop, and put the file back from a copy; "+
		"or, to go on with what is intact and give those entries up, name it %s (an empty file where there is none) and start again",
		e.File, e.Offset, e.Wrong, lost, e.Salvage)
}

// noSpace tells a full disk or quota from other failures.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// failure is err with what was being done, as ErrFull where space is missing.
func failure(doing string, err error) error {
	if noSpace(err) {
		return fmt.Errorf("%w: %s: %w: make room on the disk", ErrFull, doing, err)
	}
	return fmt.Errorf("journal: %s: %w", doing, err)
}
