// Package journal is the append-only log that stands between the
// acknowledgement of what was sent and the database that stores it.
//
// Append returns after the entry is on the disk (fsync); appends that wait at
// the same time share one fsync. One Reader gives every entry in order, again
// after a crash, until Release says that it is stored elsewhere. Whatever the
// moment of a crash, an acknowledged entry is read back, once for each pass of
// the reader, and never in another order.
//
// The journal knows nothing of what an entry means. It never drops an
// acknowledged entry silently: a frame that went bad is a DamagedError with file
// and offset. It never repairs bit rot, never believes a file again whose fsync
// failed, never writes the content of an entry into an error or a log, and keeps
// no second copy: it is as safe as the one disk it lies on. The lock on the data
// directory is its owner's; here only two Opens in one process exclude each
// other.
package journal
