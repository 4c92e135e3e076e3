package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// ErrOwned is wrapped by the error of Acquire when another process owns the
// data directory.
var ErrOwned = errors.New("data directory is in use")

// Names in a data directory. Locks are the kernel's (flock): they are gone with
// the process that held them, whatever ended it.
const (
	ownerLock    = "owner.lock"
	ownerFile    = "owner.json"
	attachedLock = "attached.lock"
)

const (
	// probePatience outlasts the moment in which Attach holds the owner's lock
	// to see whether anybody else does.
	probePatience = time.Second
	// probePoll is between two looks at a lock.
	probePoll = 25 * time.Millisecond
)

// OwnedError says who has the data directory and what to do.
type OwnedError struct {
	// Dir is the data directory.
	Dir string
	// Owner is what is known of the process that has it.
	Owner OwnerInfo
}

// Error is one line.
func (e *OwnedError) Error() string {
	return fmt.Sprintf("%v: %s is owned by %s: stop it, or set LUMBAR_DATA to another folder", ErrOwned, e.Dir, e.Owner)
}

// Unwrap returns ErrOwned.
func (e *OwnedError) Unwrap() error { return ErrOwned }

// Owner is this process's hold on a data directory: its engine, its journal and
// every write into its tables. It is gone with the process.
type Owner struct {
	dir      string
	command  string
	started  time.Time
	lock     *flock.Flock
	attached *flock.Flock
}

// Acquire makes this process the owner of a data directory, which is created
// when absent. command is how the owner names itself to those who are refused.
// The error is an OwnedError when another process is the owner.
func Acquire(dir, command string) (*Owner, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("engine: create data directory: %w: set LUMBAR_DATA to a folder you can write", err)
	}
	lock := flock.New(filepath.Join(dir, ownerLock), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	held, err := lock.TryLockContext(ctx, probePoll)
	if !held {
		_ = lock.Close()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("engine: lock data directory %s: %w: set LUMBAR_DATA to a folder you can write", dir, err)
		}
		info, _ := readOwner(dir)
		return nil, &OwnedError{Dir: dir, Owner: info}
	}
	o := &Owner{dir: dir, command: command, started: time.Now().UTC(), lock: lock,
		attached: flock.New(filepath.Join(dir, attachedLock), flock.SetPermissions(0o600))}
	// What an owner that was killed left is no longer true.
	if err := o.Publish(OwnerInfo{}); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return o, nil
}

// Dir returns the data directory as an absolute path.
func (o *Owner) Dir() string { return o.dir }

// EngineDir returns the folder of the engine within the data directory, for
// Config.Dir.
func (o *Owner) EngineDir() string { return filepath.Join(o.dir, "clickhouse") }

// Publish tells attached commands how to reach the engine and the ingest
// endpoint, in a file that only this user can read. Process, command and start
// are filled in. Publishing again replaces it; Attach waits until an address is
// there.
func (o *Owner) Publish(info OwnerInfo) error {
	info.PID, info.Command, info.Started = os.Getpid(), o.command, o.started
	if err := writeOwner(o.dir, info); err != nil {
		return fmt.Errorf("engine: publish the owner of %s: %w", o.dir, err)
	}
	return nil
}

// WaitForAttached returns once no attached command is left, and lets none in
// from then on: what comes now waits for Release.
func (o *Owner) WaitForAttached(ctx context.Context) error {
	if _, err := o.attached.TryLockContext(ctx, probePoll); err != nil {
		return fmt.Errorf("engine: wait for attached commands to leave %s: %w", o.dir, err)
	}
	return nil
}

// Release gives the data directory up. The engine is closed before.
func (o *Owner) Release() error {
	err := os.Remove(filepath.Join(o.dir, ownerFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, o.lock.Close(), o.attached.Close()); err != nil {
		return fmt.Errorf("engine: release data directory %s: %w", o.dir, err)
	}
	return nil
}
