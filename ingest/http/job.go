package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
)

// Files of a job, in a folder of its own that nobody else can open.
const (
	jobFile      = "job.json"
	bodyFile     = "body" // gone once the job is finished
	resultFile   = "result.json"
	rejectedFile = "rejected.ndjson"
	// unfinished begins the names of folders whose job was never accepted.
	unfinished = "new-"
)

// How a job ended: labels of lumbar_ingest_imports_total.
const (
	importDone   = "done"
	importFailed = "failed"
)

// job is one import over HTTP. What stands in job.json never changes once it is
// accepted, but for Body when files were fetched; the lock of its jobs guards
// the rest.
type job struct {
	ID       string    `json:"id"`
	Owner    string    `json:"owner"` // who may ask for it
	Received time.Time `json:"received"`
	// Inputs are the files that it fetches; none where the body came itself.
	Inputs []input  `json:"inputs,omitempty"`
	Body   *spooled `json:"body,omitempty"` // nil: not fetched yet

	dir      string
	done     bool
	finished time.Time
	listed   int64 // bytes of the list of refused lines
	progress ingest.Progress
	tries    int
	due      time.Time // of the next try
	trouble  string    // why it is tried again
}

// result is what a finished job leaves.
type result struct {
	Report   ingest.Report `json:"report"`
	Error    string        `json:"error,omitempty"`
	Finished time.Time     `json:"finished"`
	// Unlisted says that not all refused lines could be listed.
	Unlisted bool `json:"unlisted,omitempty"`
}

func (one *job) path(name string) string { return filepath.Join(one.dir, name) }

// write makes the job file durable.
func (one *job) write() error {
	text, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return save(one.path(jobFile), text)
}

// accept makes the job durable under its name: it stands in a folder that had
// another name until now.
func (one *job) accept(root string) error {
	if err := one.write(); err != nil {
		return err
	}
	final := filepath.Join(root, one.ID)
	if err := os.Rename(one.dir, final); err != nil {
		return err
	}
	one.dir = final
	return syncFolder(root)
}

// finish makes the result durable and gives the space of the body back.
func (one *job) finish(r result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := save(one.path(resultFile), text); err != nil {
		return err
	}
	if err := os.Remove(one.path(bodyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// outcome reads the result of a finished job.
func (one *job) outcome() (r result, err error) {
	text, err := os.ReadFile(one.path(resultFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// readJobs reads the jobs that the process before left, in the order of arrival,
// and clears away what was never accepted.
func readJobs(root string) (list []*job, err error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if strings.HasPrefix(e.Name(), unfinished) {
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
			continue
		}
		one, err := readJob(dir)
		if err != nil {
			return nil, fmt.Errorf("an import that was accepted can not be read: %w: move the folder %s away to go on without it", err, dir)
		}
		list = append(list, one)
	}
	return list, nil
}

func readJob(dir string) (*job, error) {
	text, err := os.ReadFile(filepath.Join(dir, jobFile))
	if err != nil {
		return nil, err
	}
	one := &job{dir: dir}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(one); err != nil {
		return nil, err
	}
	if one.ID != filepath.Base(dir) {
		return nil, errors.New("its name is another")
	}
	switch r, err := one.outcome(); {
	case err == nil:
		one.done, one.finished = true, r.Finished
		if info, err := os.Stat(one.path(rejectedFile)); err == nil {
			one.listed = info.Size()
		}
		if err := os.Remove(one.path(bodyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err // the process ended before it could
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return one, nil
}
