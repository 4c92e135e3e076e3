package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrNoOwner is returned by Attach when nobody owns the data directory: become
// its owner.
var ErrNoOwner = errors.New("data directory has no owner")

// OwnerInfo is what an owner publishes. It holds secrets: its String does not.
type OwnerInfo struct {
	// PID, Command and Started name the process.
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Started time.Time `json:"started"`
	// Addr, HTTPAddr, User, Password and Database reach the engine, for reading.
	Addr     string `json:"clickhouse_addr,omitempty"`
	HTTPAddr string `json:"clickhouse_http_addr,omitempty"`
	User     string `json:"clickhouse_user,omitempty"`
	Password string `json:"clickhouse_password,omitempty"`
	Database string `json:"clickhouse_database,omitempty"`
	// IngestURL and IngestToken are where attached commands write.
	IngestURL   string `json:"ingest_url,omitempty"`
	IngestToken string `json:"ingest_token,omitempty"`
}

// String names the process and leaves out how to log in.
func (i OwnerInfo) String() string {
	if i.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("%q (process %d, since %s)", i.Command, i.PID, i.Started.Format(time.RFC3339))
}

// GoString is String, so that %#v leaks nothing either.
func (i OwnerInfo) GoString() string { return i.String() }

// Info returns what an owner of this engine publishes, but for its ingest
// endpoint.
func (e *Engine) Info() OwnerInfo {
	return OwnerInfo{Addr: e.Addr(), HTTPAddr: e.HTTPAddr(), User: e.User(), Password: e.Password(), Database: e.Database()}
}

// Attachment is a command's stay at the owner of a data directory. It is gone
// with the process.
type Attachment struct {
	// Owner is what the owner had published on arrival.
	Owner OwnerInfo
	lock  *flock.Flock
}

// Close tells the owner that this command has left.
func (a *Attachment) Close() error { return a.lock.Close() }

// Attach registers this process with the owner of a data directory and returns
// how to reach it. It waits for an owner that is starting to publish, and for
// one that is leaving to leave. The error is ErrNoOwner when there is no owner.
func Attach(ctx context.Context, dir string) (*Attachment, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("engine: data directory: %w", err)
	}
	for {
		a, err := attachOnce(dir)
		if a != nil || err != nil {
			return a, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("engine: wait for the owner of %s to answer: %w", dir, ctx.Err())
		case <-time.After(probePoll):
		}
	}
}

// attachOnce returns nothing when the owner is starting or leaving.
func attachOnce(dir string) (*Attachment, error) {
	if owned, err := isOwned(dir); err != nil {
		return nil, err
	} else if !owned {
		return nil, ErrNoOwner
	}
	lock := flock.New(filepath.Join(dir, attachedLock), flock.SetPermissions(0o600))
	held, err := lock.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("engine: attach to %s: %w", dir, err)
	}
	if !held {
		return nil, lock.Close() // the owner is leaving
	}
	// From here the owner waits for us, if it is still there and has an engine.
	info, err := readOwner(dir)
	if err == nil && info.Addr != "" {
		var owned bool
		if owned, err = isOwned(dir); owned && err == nil {
			return &Attachment{Owner: info, lock: lock}, nil
		}
	}
	_ = lock.Close()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return nil, nil
}

// isOwned tells whether some process holds the owner's lock, by trying to share
// it for a moment.
func isOwned(dir string) (bool, error) {
	name := filepath.Join(dir, ownerLock)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	probe := flock.New(name, flock.SetFlag(os.O_RDONLY))
	defer probe.Close()
	held, err := probe.TryRLock()
	if err != nil {
		return false, fmt.Errorf("engine: look at the lock of data directory %s: %w: set LUMBAR_DATA to a folder you can write", dir, err)
	}
	return !held, nil
}

// Join makes this process the owner of a data directory or, when there is one,
// attaches it to that: exactly one of the two results is not nil.
func Join(ctx context.Context, dir, command string) (*Owner, *Attachment, error) {
	for {
		attached, err := Attach(ctx, dir)
		if err == nil {
			return nil, attached, nil
		}
		if !errors.Is(err, ErrNoOwner) {
			return nil, nil, err
		}
		owner, err := Acquire(dir, command)
		if err == nil {
			return owner, nil, nil
		}
		if !errors.Is(err, ErrOwned) { // else somebody was faster
			return nil, nil, err
		}
	}
}

func readOwner(dir string) (OwnerInfo, error) {
	var info OwnerInfo
	text, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return info, fmt.Errorf("engine: read who owns the data directory: %w", err)
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return OwnerInfo{}, fmt.Errorf("engine: %s is damaged: stop the owner and start it again: %w",
			filepath.Join(dir, ownerFile), err)
	}
	return info, nil
}

func writeOwner(dir string, info OwnerInfo) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(info); err != nil {
		return err
	}
	return writePrivate(filepath.Join(dir, ownerFile), []byte(text.String()))
}
