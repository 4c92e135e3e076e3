package journal

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// page is what the disk of tests writes at once: small, so that frames of a few
// bytes lie on several.
const page = 32

// errCut is what every file says after the crash.
var errCut = errors.New("the power is off")

// disk is a file system in memory that knows what is durable. It fails where
// fault says so.
type disk struct {
	mu    sync.Mutex
	names map[string]*inode   // as the running process sees them
	kept  map[string]*inode   // as they were at the last SyncDir
	since []map[string]*inode // changes of names since then: a crash undoes any of them; nil: no such name
	dead  bool                // after a crash; another disk has taken over
	early bool                // what is written goes to the disk at once, as the kernel may choose

	// fault is asked before every change. It may return an error, for a write
	// with how many bytes go through all the same.
	fault func(op, name string) (partly int, err error)
	// after is told of every change that went well.
	after func(op, name string)
}

// inode is a file: what the process sees, and what is durable of it.
type inode struct {
	now, durable []byte
	dirty        map[int]bool // pages that the next sync writes
	sized        bool         // the size is to be written
}

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, kept: map[string]*inode{}}
}

func (d *disk) change(op, name string) (partly int, err error) {
	if d.dead {
		return 0, errCut
	}
	if d.fault != nil {
		return d.fault(op, name)
	}
	return 0, nil
}

func (d *disk) done(op, name string) {
	if d.after != nil {
		d.after(op, name)
	}
}

func (d *disk) MakeDir(string) error { return nil }

func (d *disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

// bind changes what names mean, all at once or not at all. The caller holds
// d.mu.
func (d *disk) bind(changes map[string]*inode) {
	d.since = append(d.since, changes)
	apply(d.names, changes)
}

func apply(names, changes map[string]*inode) {
	for name, n := range changes {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

func (d *disk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.change("create", name); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &inode{dirty: map[int]bool{}}
	d.bind(map[string]*inode{name: n})
	d.done("create", name)
	return &handle{d: d, n: n, name: name}, nil
}

func (d *disk) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errCut
	}
	if d.names[name] == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &handle{d: d, n: d.names[name], name: name}, nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.change("rename", to); err != nil {
		return err
	}
	d.bind(map[string]*inode{to: d.names[from], from: nil})
	d.done("rename", to)
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.change("remove", name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.bind(map[string]*inode{name: nil})
	d.done("remove", name)
	return nil
}

func (d *disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.change("syncdir", dir); err != nil {
		return err
	}
	if dir == filepath.Dir(d.anyName()) {
		d.kept, d.since = maps.Clone(d.names), nil
	}
	d.done("syncdir", dir)
	return nil
}

// anyName is a name, of which all are in one folder.
func (d *disk) anyName() string {
	for _, changes := range d.since {
		for name := range changes {
			return name
		}
	}
	return ""
}

// segments are the names of those that are there, in order.
func (d *disk) segments() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.names {
		if strings.Contains(name, ".log") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// handle is an open file.
type handle struct {
	d    *disk
	n    *inode
	name string
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d.dead {
		return 0, errCut
	}
	if at >= int64(len(h.n.now)) {
		return 0, io.EOF
	}
	n := copy(b, h.n.now[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	partly, err := h.d.change("write", h.name)
	if err != nil {
		b = b[:min(partly, len(b))]
	}
	if len(b) > 0 {
		end := int(at) + len(b)
		if old := len(h.n.now); end > old {
			h.n.now = append(h.n.now, make([]byte, end-old)...)
			h.n.touch(old, end)
		}
		h.n.sized = h.n.sized || end > len(h.n.durable)
		copy(h.n.now[at:], b)
		h.n.touch(int(at), end)
		if h.d.early {
			h.n.settle(func(int) bool { return true }, max(len(h.n.now), len(h.n.durable)))
		}
	}
	if err == nil {
		h.d.done("write", h.name)
	}
	return len(b), err
}

func (h *handle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if _, err := h.d.change("truncate", h.name); err != nil {
		return err
	}
	if int(size) < len(h.n.now) {
		h.n.now = slices.Clone(h.n.now[:size])
		h.n.sized = true
		h.n.touch(int(size), int(size)+1)
	}
	h.d.done("truncate", h.name)
	return nil
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if partly, err := h.d.change("sync", h.name); err != nil {
		// As Linux has it: what could not be written counts as written. The
		// bits of partly say which pages were.
		size := len(h.n.durable)
		if partly&1 == 1 {
			size = len(h.n.now)
		}
		h.n.settle(func(p int) bool { return partly>>(p%16)&1 == 1 }, size)
		clear(h.n.dirty)
		h.n.sized = false
		return err
	}
	h.n.settle(func(int) bool { return true }, len(h.n.now))
	clear(h.n.dirty)
	h.n.sized = false
	h.d.done("sync", h.name)
	return nil
}

func (h *handle) Close() error { return nil }

func (h *handle) Size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return int64(len(h.n.now)), nil
}

// touch marks the pages from a byte up to another.
func (n *inode) touch(from, to int) {
	for p := from / page; p*page < to; p++ {
		n.dirty[p] = true
	}
}

// settle writes those dirty pages that written chooses, and a size.
func (n *inode) settle(written func(p int) bool, size int) {
	if n.sized {
		if size <= len(n.durable) {
			n.durable = n.durable[:size:size]
		} else {
			n.durable = append(slices.Clone(n.durable), make([]byte, size-len(n.durable))...)
		}
	}
	for p := range n.dirty {
		lo, hi := p*page, min((p+1)*page, len(n.durable), len(n.now))
		if lo < hi && written(p) {
			copy(n.durable[lo:hi], n.now[lo:hi])
		}
	}
}

// chance draws what a crash leaves: a number from 0 to n−1.
type chance func(n int) int

// crash is the disk as the next process finds it; the old one answers nothing
// any more. Where only the process ended, all that it wrote is there.
func (d *disk) crash(power bool, draw chance) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	next := newDisk()
	if !power {
		next.names, next.kept, next.since = maps.Clone(d.names), d.kept, d.since
		return next
	}
	left := d.kept
	for _, changes := range d.since {
		if draw(2) == 1 {
			apply(left, changes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		next.names[name] = left[name].afterCrash(draw)
	}
	next.kept = maps.Clone(next.names)
	return next
}

// afterCrash keeps any of the pages that no sync has written.
func (n *inode) afterCrash(draw chance) *inode {
	size := len(n.durable)
	if low, high := min(size, len(n.now)), max(size, len(n.now)); n.sized && high > low {
		size = []int{low, high, low + draw(high-low+1)}[draw(3)]
	}
	pages := slices.Sorted(maps.Keys(n.dirty))
	kept := map[int]bool{}
	for _, p := range pages {
		kept[p] = draw(2) == 1
	}
	left := &inode{now: n.now, durable: slices.Clone(n.durable), dirty: n.dirty, sized: n.sized}
	left.settle(func(p int) bool { return kept[p] }, size)
	return &inode{now: slices.Clone(left.durable), durable: left.durable, dirty: map[int]bool{}}
}

// full is an error of a full disk.
var full = &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}

// broken is an error of a disk.
var broken = &fs.PathError{Op: "write", Path: "f", Err: syscall.EIO}
