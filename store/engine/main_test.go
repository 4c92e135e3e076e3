package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes the test binary play another process of a test.
const roleVariable = "LUMBAR_ENGINE_TEST_ROLE"

func TestMain(m *testing.M) {
	MaybeRunChild()
	role, dir, _ := strings.Cut(os.Getenv(roleVariable), ":")
	roles := map[string]func(string) error{"owner": playOwner, "attached": playAttached, "server": playServer}
	if play, ok := roles[role]; ok {
		if err := play(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playOwner owns the directory with an engine, prints what it publishes and
// the engine's process, and stays.
func playOwner(dir string) error {
	owner, err := Acquire(dir, "lumbar serve")
	if err != nil {
		return err
	}
	e, err := Start(context.Background(), Config{Kind: Embedded, Dir: owner.EngineDir(), MemoryBytes: 1 << 30})
	if err != nil {
		return err
	}
	if err := owner.Publish(e.Info()); err != nil {
		return err
	}
	fmt.Println(e.PID())
	select {}
}

// playAttached attaches to the directory's owner, prints its address and stays.
func playAttached(dir string) error {
	a, err := Attach(context.Background(), dir)
	if err != nil {
		return err
	}
	fmt.Println(a.Owner.Addr)
	select {}
}

// playServer is a clickhouse binary in the shape of our library: it serves the
// configuration it is given and stops on SIGTERM, as clickhouse server does.
func playServer(string) error {
	file, ok := strings.CutPrefix(os.Args[len(os.Args)-1], "--config-file=")
	if !ok {
		return fmt.Errorf("arguments %q", os.Args)
	}
	users := filepath.Join(filepath.Dir(file), "users.xml")
	text, err := os.ReadFile(users)
	if err != nil {
		return err
	}
	// The library's own session needs a user that a server does not.
	withLibrary := strings.Replace(string(text), "<users>", "<users>"+libraryUser, 1)
	if err := writePrivate(users, []byte(withLibrary)); err != nil {
		return err
	}
	library, err := Fetch(context.Background(), FetchOptions{Cache: os.Getenv("LUMBAR_ENGINE_TEST_CACHE")})
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	p, err := launch(Embedded, library, file)
	if err != nil {
		return err
	}
	select {
	case <-stop:
		p.stop()
		return os.WriteFile(filepath.Join(filepath.Dir(file), "stopped"), nil, 0o600)
	case <-p.exited:
		return errors.New("the engine ended")
	}
}

// player is another process of a test.
type player struct {
	*exec.Cmd
	out *bufio.Reader
}

// play starts the test binary in a role and returns it with its first line.
func play(t *testing.T, role, dir string) (*player, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &player{Cmd: exec.Command(self)}
	p.Env = append(os.Environ(), roleVariable+"="+role+":"+dir)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", role, err)
	}
	return p, strings.TrimSpace(line)
}

// kill is kill -9, and waits for the kernel to have done it.
func (p *player) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// eventually waits for something that has to come true.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if happened() {
			return
		}
	}
	t.Fatalf("%s did not happen", what)
}

// isGone tells whether no process has this id.
func isGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// startTest starts an embedded engine that is closed with the test.
func startTest(t *testing.T, config Config) *Engine {
	t.Helper()
	if config.Kind == "" {
		config.Kind = Embedded
	}
	config.MemoryBytes = 1 << 30
	e, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// exec runs statements in the engine's database.
func (e *Engine) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := once(t.Context(), e.Options(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// value asks for one value as text.
func (e *Engine) value(t *testing.T, query string) string {
	t.Helper()
	conn, err := e.Connect("")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var text string
	if err := conn.QueryRow(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

func decodeOwner(t *testing.T, dir string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
