package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

const (
	// pollInterval is between two attempts to reach an engine that starts.
	pollInterval = 50 * time.Millisecond
	// stopPatience is how long an engine may take to stop cleanly.
	stopPatience = 15 * time.Second
	// The back-off of restarts doubles from first to last; a life of settled
	// starts it anew.
	firstBackOff, lastBackOff, settled = 100 * time.Millisecond, 10 * time.Second, time.Minute
	// firstAttempts: the data folder may for a moment still be locked by the
	// process of an owner that was killed just now.
	firstAttempts = 5
)

// process is one life of the engine's child.
type process struct {
	command *exec.Cmd
	kind    Kind
	owner   *os.File // our end of the pipe; the child leaves when it closes
	console *os.File // our end of the embedded engine's terminal
	output  *tail
	exited  chan struct{}
}

// launch starts the child.
func launch(kind Kind, program, config string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("engine: find our own binary: %w", err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("engine: pipe to the child: %w", err)
	}
	defer theirs.Close()
	p := &process{kind: kind, owner: ours, output: &tail{}, exited: make(chan struct{})}
	p.command = exec.Command(self, ChildCommand, string(kind), program, config)
	p.command.ExtraFiles = []*os.File{theirs} // descriptor ownerPipe
	p.command.Stdout, p.command.Stderr = p.output, p.output
	// A group of its own: Ctrl-C is for the owner.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The environment's keys and settings are not the engine's business, and
	// its history file belongs in its own folder.
	p.command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(config), "TERM=dumb", "TZ=UTC"}
	if kind == Embedded {
		console, terminal, err := pty.Open()
		if err != nil {
			ours.Close()
			return nil, fmt.Errorf("engine: open a pseudo-terminal (is /dev/pts mounted?): %w", err)
		}
		defer terminal.Close()
		p.console, p.command.Stdin = console, terminal
	}
	if err := p.command.Start(); err != nil {
		p.hangUp()
		return nil, fmt.Errorf("engine: start the child process: %w", err)
	}
	go func() {
		_ = p.command.Wait()
		p.hangUp()
		close(p.exited)
	}()
	return p, nil
}

// hangUp closes our ends.
func (p *process) hangUp() {
	p.owner.Close()
	if p.console != nil {
		p.console.Close()
	}
}

// askToStop asks for a clean end, which may take a moment.
func (p *process) askToStop() {
	if p.kind == Embedded {
		_, _ = p.console.WriteString("exit\n")
		return
	}
	_, _ = p.owner.Write([]byte{stopByte})
}

// kill ends the process now.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

func (e *Engine) setPID(p *process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pid = p.command.Process.Pid
}

// firstStart launches until an engine answers and has the database.
func (e *Engine) firstStart(ctx context.Context) (*process, error) {
	var last error
	for attempt := range firstAttempts {
		if attempt > 0 {
			time.Sleep(firstBackOff << attempt)
		}
		p, err := e.launch()
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", err, ErrUnavailable)
		}
		if last = e.awaitAnswer(ctx, p); last == nil {
			e.setPID(p)
			return p, nil
		}
		p.kill()
		if ctx.Err() != nil || p.command.ProcessState.ExitCode() == exitUnloadable {
			break
		}
	}
	return nil, fmt.Errorf("engine: %s engine in %s did not start: %w (%w)", e.config.Kind, e.config.Dir, last, ErrUnavailable)
}

// awaitAnswer returns nil once the engine answers natively in its database, and
// an error when its process has ended or the time is up.
func (e *Engine) awaitAnswer(ctx context.Context, p *process) error {
	var last error
	for {
		if last = e.createDatabase(ctx); last == nil {
			return nil
		}
		// After a failed statement the engine sits at its prompt, ports closed.
		if line := p.output.line(); strings.Contains(line, "Exception:") {
			return errors.New(line)
		}
		select {
		case <-p.exited:
			return fmt.Errorf("its process ended (%s): %s", p.command.ProcessState, p.output.line())
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w; last: %w", ctx.Err(), last)
		case <-time.After(pollInterval):
		}
	}
}

// supervise brings the engine back whenever it dies, until Close.
func (e *Engine) supervise(p *process) {
	defer close(e.done)
	backOff := firstBackOff
	for {
		began := time.Now()
		if e.Silent() {
			go e.watch(p)
		}
		select {
		case <-e.stopping:
			p.stop()
			return
		case <-p.exited:
		}
		if time.Since(began) > settled {
			backOff = firstBackOff
		}
		e.config.Log.Warn("engine died, restarting", "cause", p.command.ProcessState.String(), "detail", p.output.line())
		e.setState(Restarting)
		if p = e.restart(&backOff); p == nil {
			return
		}
		e.setState(Ready)
		e.config.Log.Info("engine is back", "restarts", e.Restarts())
	}
}

// restart launches until an engine answers; nil when Close came first.
func (e *Engine) restart(backOff *time.Duration) *process {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-e.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-e.stopping:
			return nil
		case <-time.After(*backOff):
		}
		*backOff = min(2**backOff, lastBackOff)
		p, err := e.launch()
		if err == nil {
			attempt, done := context.WithTimeout(ctx, startTimeout)
			err = e.awaitAnswer(attempt, p)
			done()
			if err == nil {
				e.setPID(p)
				return p
			}
			p.kill()
		}
		if ctx.Err() == nil {
			e.config.Log.Error("engine did not restart", "error", err)
		}
	}
}

// stop ends the child cleanly, or after stopPatience at once.
func (p *process) stop() {
	p.askToStop()
	select {
	case <-p.exited:
	case <-time.After(stopPatience):
		p.kill()
	}
}

// Close stops an engine of our own, after its queries were cancelled and its
// tables closed, and gives its ports back. Closing twice, or a configured
// server, does nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.state == Closed {
		e.mu.Unlock()
		return nil
	}
	e.state = Closed
	close(e.stopping)
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
	<-e.done
	if e.config.Kind != Configured {
		e.tcp.release()
		e.http.release()
	}
	e.config.OnState(Closed)
	return nil
}

// tail keeps the end of what the child printed, for the one line of an error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// maxTail is enough for the engine's own last words.
const maxTail = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
	}
	return len(b), nil
}

// lines returns what is there, trimmed, without empty lines.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// line returns the first line that names an error, else the last one.
func (t *tail) line() string {
	last := "it printed nothing"
	for _, last = range t.lines() {
		if strings.Contains(last, "Exception:") || strings.HasPrefix(last, errUnloadable.Error()) {
			break
		}
	}
	return last
}
