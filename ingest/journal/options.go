package journal

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

const (
	// MaxEntryBytes is the longest entry that Append takes, in bytes.
	MaxEntryBytes = 64 << 20

	defaultMaxBytes     = 8 << 30
	defaultSegmentBytes = 64 << 20
	// groupBytes closes a group: who comes when it holds as much waits for the
	// next one.
	groupBytes = 4 << 20
)

// Options say where a journal lies and how large it may grow.
type Options struct {
	// Dir is the folder, created with mode 0700 when absent. It belongs to the
	// journal alone.
	Dir string
	// MaxBytes bounds what lies on the disk, in bytes; beyond it Append gives
	// ErrFull. 0 is 8 GiB.
	MaxBytes int64
	// SegmentBytes is the size at which the next file is begun, in bytes. 0 is
	// 64 MiB; it is never more than a quarter of MaxBytes.
	SegmentBytes int64
	// Files is where the files lie; nil is the machine's file system.
	Files FileSystem
	// Log gets what an operator should know; nil is nothing.
	Log *slog.Logger
	// Now is the clock of Entry.At; nil is time.Now. It may step back.
	Now func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("journal: no folder is named: set Dir")
	}
	if o.MaxBytes < 0 || o.SegmentBytes < 0 || o.MaxBytes == math.MaxInt64 {
		return o, fmt.Errorf("journal: MaxBytes %d, SegmentBytes %d: give sizes in bytes, or 0", o.MaxBytes, o.SegmentBytes)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	// Files are dropped whole: with fewer than four a full journal would take
	// nothing before nearly all of it was stored.
	o.SegmentBytes = max(1, min(o.SegmentBytes, o.MaxBytes/4))
	if o.Files == nil {
		o.Files = machine{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Entry is one entry as it was appended.
type Entry struct {
	// Number counts entries, from 1; a later entry has a higher number, and some
	// numbers may be missing.
	Number uint64
	// At is when it was written, by the clock of that moment.
	At time.Time
	// Body is what was appended. It is the caller's to keep, not to change.
	Body []byte
}

// State is how much waits.
type State struct {
	// Appended is the number of the last entry that is durable.
	Appended uint64
	// Released is the number up to which all are stored elsewhere.
	Released uint64
	// Bytes is the size of the files on the disk.
	Bytes int64
	// Oldest is about when the first entry that is not released was written
	// (within a second, and never later); zero where none waits.
	Oldest time.Time
}
