package bulk_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgres is a PostgreSQL server of the benchmark's own.
type postgres struct{ bin, dir string }

// startPostgres starts one in a folder, as another user where we are root,
// which PostgreSQL refuses. ok is false where it is not installed.
func startPostgres(b *testing.B) (p *postgres, ok bool) {
	b.Helper()
	initdb := find("initdb")
	if initdb == "" {
		return nil, false
	}
	p = &postgres{bin: filepath.Dir(initdb), dir: folder(b)}
	for _, dir := range []string{p.dir, filepath.Join(p.dir, "run")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		if c := p.credential(b); c != nil {
			if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
				b.Fatal(err)
			}
		}
	}
	p.run(b, "initdb", "-D", p.data(), "-U", "bench", "-A", "trust", "--encoding=UTF8", "--locale=C")
	// Room for the log of the copies, and memory for the key's tree.
	options := fmt.Sprintf("-k %s -c listen_addresses= -c shared_buffers=1GB -c max_wal_size=8GB -c maintenance_work_mem=1GB", filepath.Join(p.dir, "run"))
	p.run(b, "pg_ctl", "-D", p.data(), "-w", "-l", filepath.Join(p.dir, "run", "log"), "-o", options, "start")
	b.Cleanup(func() { p.run(b, "pg_ctl", "-D", p.data(), "-m", "fast", "-w", "stop") })
	return p, true
}

// find returns the path of a program of PostgreSQL, which Debian keeps off PATH.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return path
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// credential is whom the server runs as; nil is ourselves.
func (p *postgres) credential(b *testing.B) *syscall.Credential {
	b.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	b.Fatal("PostgreSQL does not run as root, and there is no user postgres or nobody")
	return nil
}

func (p *postgres) run(b *testing.B, name string, args ...string) {
	b.Helper()
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.credential(b)}
	// The server keeps what it inherits: no pipe of ours.
	log, err := os.CreateTemp(p.dir, name+"-")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		b.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// copy returns how long COPY takes for the file of answers, into a table with a
// primary key or without.
func (p *postgres) copy(b *testing.B, path string, rows int, key bool) time.Duration {
	b.Helper()
	columns := "id_system text, id_value text, patient_pseudonym text, episode text, instrument text, answered_at date"
	for i := range items {
		columns += fmt.Sprintf(", item_%d smallint", i+1)
	}
	if key {
		columns += ", PRIMARY KEY (id_system, id_value)"
	}
	p.sql(b, "CREATE TABLE answers ("+columns+")")
	begin := time.Now()
	p.sql(b, `\copy answers FROM '`+path+`' WITH (FORMAT csv, HEADER)`)
	took := time.Since(begin)
	if got := p.sql(b, "SELECT count(*) FROM answers"); got != strconv.Itoa(rows) {
		b.Fatalf("PostgreSQL holds %s rows, want %d", got, rows)
	}
	p.sql(b, "DROP TABLE answers")
	return took
}

func (p *postgres) sql(b *testing.B, statement string) string {
	b.Helper()
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-h", filepath.Join(p.dir, "run"), "-U", "bench", "-d", "postgres", "-c", statement)
	text, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("psql: %v\n%s", err, text)
	}
	return strings.TrimSpace(string(text))
}
