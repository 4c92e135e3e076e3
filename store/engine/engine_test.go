package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestEmbeddedAnswersOnBothProtocols(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir()})
	if got := e.value(t, "SELECT currentDatabase()"); got != DefaultDatabase {
		t.Errorf("database = %q, want %q", got, DefaultDatabase)
	}
	if got := e.value(t, "SELECT toString(getSetting('async_insert'))"); got != "false" {
		t.Errorf("async_insert = %s, want false", got)
	}
	if got := e.value(t, "SELECT timezone()"); got != "UTC" && got != "Etc/UTC" {
		t.Errorf("timezone = %s, want UTC", got)
	}
	for user, want := range map[string]int{e.User(): http.StatusOK, "default": http.StatusForbidden} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.HTTPAddr()+"/?query=SELECT+1", nil)
		if err != nil {
			t.Fatal(err)
		}
		password := ""
		if user == e.User() {
			password = e.Password()
		}
		request.SetBasicAuth(user, password)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if refused := response.StatusCode != http.StatusOK; refused != (want != http.StatusOK) {
			t.Errorf("HTTP as %s: status %d, want %d", user, response.StatusCode, want)
		}
	}
}

func TestStrangersAreRefusedAndDoNoHarm(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir()})
	strangers := []struct{ user, password, database string }{
		{"default", "", ""},
		{"default", e.Password(), ""},
		{e.User(), "", ""},
		{e.User(), "guess", ""},
		{"nobody", "", ""},
		{e.User(), e.Password(), "no_such_database"},
	}
	for range 3 {
		for _, s := range strangers {
			options := e.Options()
			options.Auth.Username, options.Auth.Password, options.Auth.Database = s.user, s.password, s.database
			if err := once(t.Context(), options, "SELECT 1"); err == nil {
				t.Errorf("user %q with password %q in database %q is let in", s.user, s.password, s.database)
			}
		}
		for _, addr := range []string{e.Addr(), e.HTTPAddr()} {
			resetConnection(t, addr)
		}
	}
	if got := e.value(t, "SELECT toString(1)"); got != "1" || e.Restarts() != 0 {
		t.Errorf("afterwards the engine answers %q with %d restarts, want 1 and none", got, e.Restarts())
	}
}

// resetConnection sends nonsense and drops the connection with a reset.
func resetConnection(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("GET /?query=SELECT+number+FROM+numbers(1000000) HTTP/1.1\r\nnonsense\r\n"))
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestAppUserReachesNoFiles(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir()})
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"SELECT * FROM file('" + secret + "', 'CSV', 'n Int64')",
		"CREATE TABLE leak (n Int64) ENGINE = File(CSV, '" + secret + "')",
		"SELECT * FROM url('http://" + e.HTTPAddr() + "/', 'CSV', 'n Int64')",
		"SELECT * FROM s3('http://" + e.HTTPAddr() + "/x', 'CSV', 'n Int64')",
		"CREATE USER intruder",
	} {
		if err := once(t.Context(), e.Options(), statement); err == nil {
			t.Errorf("%s is allowed", statement)
		}
	}
}

func TestKilledEngineComesBackWithItsData(t *testing.T) {
	var mu sync.Mutex
	var states []State
	e := startTest(t, Config{Dir: t.TempDir(), OnState: func(s State) {
		mu.Lock()
		defer mu.Unlock()
		states = append(states, s)
	}})
	e.exec(t, "CREATE TABLE answer (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO answer SELECT number FROM numbers(1000)")
	addr, httpAddr, password, pid := e.Addr(), e.HTTPAddr(), e.Password(), e.PID()
	for round := 1; round <= 2; round++ {
		if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the restart", func() bool { return e.Restarts() == round && e.State() == Ready })
	}
	if e.Addr() != addr || e.HTTPAddr() != httpAddr || e.Password() != password || e.PID() == pid {
		t.Error("addresses and password changed, or the process did not")
	}
	if got := e.value(t, "SELECT toString(count()) FROM answer"); got != "1000" {
		t.Errorf("rows after kill -9 = %s, want 1000", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []State{Ready, Restarting, Ready, Restarting, Ready}; !slices.Equal(states, want) {
		t.Errorf("states = %v, want %v", states, want)
	}
}

func TestEngineDiesWithItsKilledOwner(t *testing.T) {
	dir := t.TempDir()
	owner, line := play(t, "owner", dir)
	pid, err := strconv.Atoi(line)
	if err != nil || isGone(pid) {
		t.Fatalf("the owner's engine has process id %q", line)
	}
	owner.kill()
	eventually(t, "the end of the engine", func() bool { return isGone(pid) })

	// The directory is free at once, and its engine starts again.
	again, err := Acquire(dir, "lumbar import")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	startTest(t, Config{Dir: again.EngineDir()})
}

func TestCloseLeavesNoProcessAndKeepsTheData(t *testing.T) {
	dir := t.TempDir()
	e := startTest(t, Config{Dir: dir})
	e.exec(t, "CREATE TABLE answer (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO answer VALUES (42)")
	pid, password := e.PID(), e.Password()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if !isGone(pid) || e.State() != Closed {
		t.Errorf("after Close the process is gone: %v, the state is %s", isGone(pid), e.State())
	}
	if err := e.Await(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Await after Close = %v, want ErrUnavailable", err)
	}
	second := startTest(t, Config{Dir: dir})
	if second.Password() == password {
		t.Error("the second start has the password of the first")
	}
	if got := second.value(t, "SELECT toString(sum(n)) FROM answer"); got != "42" {
		t.Errorf("sum after a restart = %s, want 42", got)
	}
	for _, name := range []string{"config.xml", "users.xml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), second.Password()) {
			t.Errorf("%s holds the password in the clear", name)
		}
	}
}

func TestCloseWhileRestarting(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir()})
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its death being noticed", func() bool { return e.Restarts() > 0 })
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if !isGone(e.PID()) {
		t.Error("the engine outlives Close")
	}
}

func TestConfiguredServer(t *testing.T) {
	server := startTest(t, Config{Dir: t.TempDir()})
	config := Config{Addr: server.Addr(), HTTPAddr: server.HTTPAddr(), User: server.User(), Password: server.Password(), Database: "hospital"}
	e := startTest(t, Config{Kind: Configured, Addr: config.Addr, HTTPAddr: config.HTTPAddr, User: config.User,
		Password: config.Password, Database: config.Database})
	if e.Kind() != Configured || e.PID() != 0 || e.State() != Ready {
		t.Errorf("kind %s, process %d, state %s: want configured, none, ready", e.Kind(), e.PID(), e.State())
	}
	if got := e.value(t, "SELECT currentDatabase()"); got != "hospital" {
		t.Errorf("database = %q, want hospital", got)
	}
	config.Password = "wrong"
	if _, err := Start(t.Context(), config); !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: error %v, want ErrUnavailable without the password", err)
	}
	config.Addr = "127.0.0.1:1"
	if _, err := Start(t.Context(), config); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no server there: error %v, want ErrUnavailable", err)
	}
}

func TestDefaultHTTPAddr(t *testing.T) {
	for addr, want := range map[string]string{
		"ch:9000": "ch:8123", "ch": "ch:8123", "a:9000, b:9000": "a:8123", "[::1]:9000": "[::1]:8123",
	} {
		if got := defaultHTTPAddr(addr, nil); got != want {
			t.Errorf("defaultHTTPAddr(%q) = %q, want %q", addr, got, want)
		}
	}
}

func TestStartObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := Start(ctx, Config{Kind: Embedded, Dir: t.TempDir()}); err == nil {
		e.Close()
		t.Error("Start with a cancelled context succeeds")
	}
}
