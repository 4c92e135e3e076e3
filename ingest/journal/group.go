package journal

import (
	"context"
	"encoding/binary"
	"fmt"
)

// keptBuffer bounds the buffer that is kept for the next group.
const keptBuffer = groupBytes + 1<<20

// group is what one fsync makes durable: a frame in the making.
type group struct {
	buf   []byte // room for the header, then the entries
	count uint32
	done  chan struct{}

	// Set before done is closed:
	first uint64
	err   error
}

func newGroup(buf []byte) *group {
	if cap(buf) < frameHeader {
		buf = make([]byte, frameHeader, 4096)
	}
	return &group{buf: buf[:frameHeader], done: make(chan struct{})}
}

// Append writes an entry of at most MaxEntryBytes and returns its number after
// the fsync that made it durable. Calls at the same time share one fsync. The
// entry is copied; the caller may reuse it. Append waits while earlier groups
// are written and holds no more than two groups in memory.
//
// Errors: ErrFull (nothing was appended, try again later), ErrTooLarge,
// ErrClosed, and what the disk says. Where ctx ends first, the error is that of
// ctx and the entry may be in the journal or not.
func (j *Journal) Append(ctx context.Context, entry []byte) (number uint64, err error) {
	if len(entry) > MaxEntryBytes {
		return 0, fmt.Errorf("%w: %d bytes, the longest is %d: send it in parts", ErrTooLarge, len(entry), MaxEntryBytes)
	}
	if frameHeader+segmentHeader+entryCost(entry) > j.o.MaxBytes-j.shrinkBytes() {
		return 0, fmt.Errorf("%w: %d bytes do not go into a journal of %d: raise its limit", ErrTooLarge, len(entry), j.o.MaxBytes)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for {
		g, place, turn, err := j.join(entry)
		if err != nil {
			return 0, err
		}
		if g == nil {
			select {
			case <-turn:
				continue
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		select {
		case <-g.done:
		case <-ctx.Done():
			return 0, fmt.Errorf("journal: it is not known whether the entry was kept: %w", ctx.Err())
		}
		if g.err != nil {
			return 0, g.err
		}
		return g.first + uint64(place), nil
	}
}

// entryCost is the most that an entry adds to the disk: it may begin a segment.
func entryCost(entry []byte) int64 {
	return segmentHeader + lengthPrefix + int64(len(entry))
}

// join puts an entry into the group that is open. Where it can take no more,
// the group is nil and turn is closed when the next one opens.
func (j *Journal) join(entry []byte) (g *group, place uint32, turn <-chan struct{}, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.joinLocked(entry)
}

// joinLocked is join where the caller holds j.mu.
func (j *Journal) joinLocked(entry []byte) (g *group, place uint32, turn <-chan struct{}, err error) {
	if j.closing {
		return nil, 0, nil, ErrClosed
	}
	g = j.open
	if len(g.buf) >= groupBytes {
		if j.turn == nil {
			j.turn = make(chan struct{})
		}
		return nil, 0, j.turn, nil
	}
	if need := j.bytes + j.writing + int64(len(g.buf)) + entryCost(entry); need > j.o.MaxBytes {
		return nil, 0, nil, fmt.Errorf("%w: the limit of %d bytes is reached: it takes entries again when the database has stored some", ErrFull, j.o.MaxBytes)
	}
	g.buf = binary.LittleEndian.AppendUint32(g.buf, uint32(len(entry)))
	g.buf = append(g.buf, entry...)
	place = g.count
	g.count++
	j.work.Signal()
	return g, place, nil, nil
}

// take waits for a group that somebody joined and opens the next one. It gives
// nil when the journal is closed and nothing waits.
func (j *Journal) take() *group {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.open.count == 0 {
		if j.closing {
			return nil
		}
		j.work.Wait()
	}
	g := j.open
	j.open = newGroup(j.spare)
	j.spare = nil
	j.writing = segmentHeader + int64(len(g.buf))
	j.nextTurn()
	return g
}

// nextTurn lets those who wait for room in a group try again.
func (j *Journal) nextTurn() {
	if j.turn != nil {
		close(j.turn)
		j.turn = nil
	}
}
