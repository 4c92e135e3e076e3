package journal

import (
	"io"
	"os"
)

// FileSystem is what the journal asks of a file system. Tests give one of their
// own to see the order of write, sync and acknowledgement, and to let it fail.
type FileSystem interface {
	// MakeDir makes a folder and those above it, mode 0700, where absent.
	MakeDir(dir string) error
	// List returns the names of the files in a folder.
	List(dir string) ([]string, error)
	// Create makes a new file, mode 0600, and fails where there is one.
	Create(name string) (File, error)
	// Open opens a file that is there for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, in place of what has it.
	Rename(from, to string) error
	// Remove removes a name.
	Remove(name string) error
	// SyncDir makes what was created, renamed and removed in a folder durable.
	SyncDir(dir string) error
}

// File is one open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size is the length in bytes.
	Size() (int64, error)
	// Truncate cuts the file to a length.
	Truncate(size int64) error
	// Sync returns after content and length are durable.
	Sync() error
}

// Machine is the file system of this machine.
func Machine() FileSystem { return machine{} }

type machine struct{}

func (machine) MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(dir, 0o700) // it was there, and open to others
	}
	return err
}

func (machine) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (machine) Create(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))
}

func (machine) Open(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_RDWR, 0))
}

func (machine) Rename(from, to string) error { return os.Rename(from, to) }
func (machine) Remove(name string) error     { return os.Remove(name) }

func (machine) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// opened keeps a nil *os.File from becoming a File that is not nil.
func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
