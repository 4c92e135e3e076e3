package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
)

const (
	// fetchTries is how often a file is asked for before an import gives up.
	fetchTries = 5
	// fetchIdle is how long a server may make us wait for the next bytes.
	fetchIdle = time.Minute
)

// fetchError says why a file could not be had; never its address.
type fetchError struct {
	input  int // from 1
	detail string
	final  bool // asking again is of no use
	err    error
}

func (e *fetchError) Error() string {
	return fmt.Sprintf("input %d %s: nothing was stored; start the import again when that is mended", e.input, e.detail)
}

func (e *fetchError) Unwrap() error { return e.err }

// fetch writes the files of a job one after the other into its body, Patients
// first, and makes it durable.
func (j *jobs) fetch(one *job) error {
	f, err := os.OpenFile(one.path(bodyFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return errSpool
	}
	defer f.Close()
	s := newScanner(f)
	for i, in := range one.Inputs {
		start := s.known
		s.known.Starts = append(start.Starts, start.Lines)
		if err := j.fetchOne(f, s, i+1, in.URL); err != nil {
			return err
		}
	}
	if err := errors.Join(s.flush(), f.Sync()); err != nil {
		j.log.Error("fetched files could not be kept", "error", err)
		return errSpool
	}
	body := s.known
	j.mu.Lock()
	one.Body = &body
	j.mu.Unlock()
	if err := one.write(); err != nil {
		j.log.Error("fetched files could not be kept", "error", err)
		return errSpool
	}
	return nil
}

// errSpool says that there is no room for what was fetched.
var errSpool = errors.New("the files could not be kept while they are read: the space in the data directory must be checked; start the import again then")

// fetchOne appends a file to the body, tried several times: what a try has left
// behind is cut off before the next.
func (j *jobs) fetchOne(f *os.File, s *scanner, number int, address string) error {
	before := *s
	before.line = nil
	for try := 1; ; try++ {
		err := j.copyFile(s, number, address)
		var fetch *fetchError
		if err == nil || !errors.As(err, &fetch) || fetch.final || try == fetchTries {
			return err
		}
		j.metrics.retries.Inc()
		select {
		case <-j.ctx.Done():
			return j.ctx.Err()
		case <-time.After(time.Second << (try - 1)):
		}
		if err := s.rewind(f, before); err != nil {
			return errSpool
		}
	}
}

// rewind takes the scanner and its file back to what it was.
func (s *scanner) rewind(f *os.File, before scanner) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	starts := slices.Clone(before.known.Starts)
	*s = before
	s.known.Starts = starts
	if err := f.Truncate(before.known.Bytes); err != nil {
		return err
	}
	_, err := f.Seek(before.known.Bytes, io.SeekStart)
	return err
}

// copyFile appends what an address holds, unpacked.
func (j *jobs) copyFile(s *scanner, number int, address string) error {
	ctx, stop := context.WithCancel(j.ctx)
	defer stop()
	res, err := j.sources.get(ctx, address)
	switch {
	case errors.Is(err, errNotAllowed):
		return &fetchError{input: number, detail: "is refused: its address, or where it leads, is not in fhir.import_sources", final: true}
	case err != nil:
		return &fetchError{input: number, detail: "can not be fetched: its server does not answer", err: err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		passes := res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout
		return &fetchError{input: number, detail: fmt.Sprintf("can not be fetched: its server answers %d", res.StatusCode), final: !passes}
	}
	watch := time.AfterFunc(fetchIdle, stop)
	defer watch.Stop()
	read := &reading{r: &watched{r: res.Body, alive: func() { watch.Reset(fetchIdle) }}}
	if err := j.append(s, read); err != nil {
		switch {
		case errors.Is(err, errUnpacked):
			return &fetchError{input: number, detail: "is too large: all files of an import may have 4 GiB, unpacked", final: true}
		case errors.Is(err, errPacked):
			return &fetchError{input: number, detail: "is compressed twice", final: true}
		case read.err != nil || errors.Is(err, errDamaged):
			return &fetchError{input: number, detail: "was cut short or is damaged", err: err}
		}
		j.log.Error("a fetched file could not be kept", "error", err)
		return errSpool
	}
	return nil
}

// errDamaged and errPacked say what is wrong with a compressed body.
var (
	errDamaged = errors.New("the body is damaged")
	errPacked  = errors.New("the body is compressed twice")
)

// append adds a file to a body: without its compression, without a byte order
// mark, and with the end of its last line.
func (j *jobs) append(s *scanner, file io.Reader) error {
	plain, err := ingest.Decompress(file)
	if err != nil {
		return errors.Join(errDamaged, err)
	}
	defer plain.Close()
	if err := s.file(plain); err != nil {
		return err
	}
	return s.endFile()
}

// file appends a file that is not compressed any more.
func (s *scanner) file(plain io.Reader) error {
	text := &reading{r: &capped{r: plain, left: MaxImport - s.known.Bytes}}
	in := bufio.NewReaderSize(text, 64<<10)
	head, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(errDamaged, err)
	}
	switch {
	case string(head) == "\xef\xbb\xbf":
		if _, err := in.Discard(3); err != nil {
			return err
		}
	case len(head) > 0 && (head[0] == 0x1f || head[0] == 0x28):
		return errPacked // what is measured must not unpack again
	}
	if _, err = io.Copy(s, in); text.err != nil {
		return errors.Join(errDamaged, text.err)
	}
	return err
}

// watched tells of every byte that comes.
type watched struct {
	r     io.Reader
	alive func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.alive()
	}
	return n, err
}

// reading tells an error of reading from one of writing.
type reading struct {
	r   io.Reader
	err error
}

func (c *reading) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
