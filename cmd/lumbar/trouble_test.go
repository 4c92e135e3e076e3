package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/store/engine"
)

// TestEngineThatCanNotStart holds what a command says where the engine's
// library is missing, damaged, or can not be fetched, and where a configured
// server does not answer.
func TestEngineThatCanNotStart(t *testing.T) {
	file := filepath.Join(simulatedFiles(t, 20, 1), "episodes.arrow")
	cache := t.TempDir()
	shelf, marker := cachedEngine(t)
	library := filepath.Join(cache, "engine", filepath.Base(shelf), "libchdb.so")
	t.Setenv("LUMBAR_CACHE", cache)
	attempt := func(what string, words ...string) {
		t.Run(what, func(t *testing.T) {
			refused(t, newInstallation(t).run(t, "import", file), 1, words...)
		})
	}

	t.Setenv("LUMBAR_OFFLINE", "1")
	attempt("missing", "library is missing", "LUMBAR_OFFLINE", `"lumbar engine fetch"`)
	if err := os.MkdirAll(filepath.Dir(library), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(shelf, "library.json"))
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(filepath.Dir(library), "library.json"), text)
	save(t, library, []byte("cut short"))
	attempt("cut short", "library is damaged", "has 9 bytes", `"lumbar engine fetch"`)
	// As long as the real one, all zeros: a sparse file.
	if err := os.Truncate(library, marker.Size); err != nil {
		t.Fatal(err)
	}
	attempt("overwritten", "library is damaged", "have changed", `"lumbar engine fetch"`)
	if err := os.Chtimes(library, marker.Modified, marker.Modified); err != nil {
		t.Fatal(err)
	}
	attempt("damaged without a trace", "load library", `"lumbar engine fetch"`)

	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LUMBAR_OFFLINE", "")
	t.Setenv("PATH", t.TempDir())
	attempt("no npm", "npm", "not on PATH", "install Node.js with npm, or name a server in clickhouse.addr")

	t.Setenv("LUMBAR_CLICKHOUSE_ADDR", "127.0.0.1:1")
	attempt("no server", "127.0.0.1:1", "check clickhouse.addr, user, password and TLS")
}

// cachedMarker is what the cache says of its library.
type cachedMarker struct {
	Size     int64
	Modified time.Time
}

// cachedEngine is the folder of the engine's library that these tests run on.
func cachedEngine(t *testing.T) (string, cachedMarker) {
	t.Helper()
	path, err := engine.Fetch(t.Context(), engine.FetchOptions{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	var m cachedMarker
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "library.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path), m
}

// TestServerThatCanNotStart holds what serve and demo say where their address
// or the data directory can not be had.
func TestServerThatCanNotStart(t *testing.T) {
	in, empty := newInstallation(t), newInstallation(t)
	in.hold(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.Addr().String()
	for _, c := range []struct {
		in    installation
		args  []string
		code  int
		words []string
	}{
		{empty, []string{"serve", "--addr", at}, 1, []string{at + " is taken", "choose another with --addr or LUMBAR_HTTP_ADDR"}},
		{empty, []string{"demo", "--patients", "10", "--addr", at}, 1, []string{at + " is taken", "choose another with --addr or LUMBAR_HTTP_ADDR"}},
		{empty, []string{"serve", "--addr", "nowhere"}, 1, []string{"nowhere", "choose another with --addr"}},
		{in, []string{"serve", "--addr", "127.0.0.1:0"}, 1, []string{in.dir, "is owned by", "stop it, or set LUMBAR_DATA to another folder"}},
		{in, []string{"demo", "--addr", "127.0.0.1:0", "--patients", "10"}, 1, []string{in.dir, "is owned by", "LUMBAR_DATA"}},
		{empty, []string{"demo", "--addr", "0.0.0.0:0"}, 2, []string{"loopback only", "--addr 127.0.0.1:PORT"}},
		{empty, []string{"demo", "--addr", ":8080"}, 2, []string{"loopback only"}},
		{empty, []string{"demo", "--addr", "192.0.2.1:8080"}, 2, []string{"loopback only"}},
		{empty, []string{"demo", "--patients", "0", "--addr", "127.0.0.1:0"}, 2, []string{"patients: must be 1"}},
	} {
		refused(t, c.in.run(t, c.args...), c.code, c.words...)
	}
}

// TestConfigurationThatCanNotBeUsed holds that a mistake in the configuration is
// told before anything starts.
func TestConfigurationThatCanNotBeUsed(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		save(t, path, []byte(text))
		return path
	}
	short, file := at("short.key", "too short"), at("file", "")
	t.Setenv("LUMBAR_CACHE", t.TempDir()) // no engine: it must not get that far
	t.Setenv("LUMBAR_OFFLINE", "1")
	for _, c := range []struct {
		config string
		args   []string
		words  []string
	}{
		{"htpp: {addr: x}", nil, []string{`unknown key "htpp.addr"`, "lumbar.example.yaml"}},
		{"http: [", nil, []string{"lumbar.yaml"}},
		{"log: {level: loud}", nil, []string{"log.level must be debug, info, warn or error"}},
		{"log: {format: xml}", nil, []string{"log.format must be text or json"}},
		{"pseudonym: {key_file: " + filepath.Join(dir, "none.key") + "}", nil, []string{"pseudonym.key_file", "no such file"}},
		{"pseudonym: {key_file: " + short + "}", nil, []string{"pseudonym.key_file", "fewer than 32 bytes", "make one"}},
		{"", []string{"--config", filepath.Join(dir, "none.yaml")}, []string{"none.yaml"}},
		{"", []string{"--data", filepath.Join(file, "below")}, []string{"data directory", "set LUMBAR_DATA to a folder you can write"}},
		{"", []string{"--data", file}, []string{"data directory", "set LUMBAR_DATA to a folder you can write"}},
		{"", []string{"--data", "/proc/lumbar"}, []string{"data directory", "set LUMBAR_DATA to a folder you can write"}},
	} {
		config := at("lumbar.yaml", c.config)
		args := append([]string{"--config", config, "--data", t.TempDir()}, c.args...)
		for _, command := range [][]string{{"ask", "outcomes"}, {"serve", "--addr", "127.0.0.1:0"}} {
			r := runWith(t, "", append(command, args...)...)
			refused(t, r, 1, c.words...)
			if strings.Contains(r.err, "too short") {
				t.Errorf("%q tells the key", r.err)
			}
		}
	}
}

// TestMistakesInUse holds that a wrongly called command ends with exit code 2
// and one line, before it touches a data directory.
func TestMistakesInUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	save(t, file, nil)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"frobnicate", []string{`unknown command "frobnicate"`}},
		{"import", []string{"arg"}},
		{"import --colour red x", []string{"--colour"}},
		{"ask", []string{"outcomes", "funnel", "trend", "spc", "compare"}},
		{"ask wonders", []string{`no question "wonders"`, "outcomes, "}},
		{"ask outcomes further", []string{"further"}},
		{"ask outcomes --by colour", []string{"colour"}},
		{"ask outcomes --by provider,sex,site,region", []string{"at most 3"}},
		{"ask outcomes --programme nobody", []string{"nobody"}},
		{"ask outcomes --level 2", []string{"level"}},
		{"ask trend --period week", []string{"month, quarter, year"}},
		{"ask spc --measure waits", []string{"mean_gain, responder_ratio, response_ratio"}},
		{"ask spc --fix_after 1", []string{"fix_after", "from 2 on"}},
		{"ask spc --target ten", []string{"target: give a number"}},
		{"ask compare --method magic", []string{"give one of ancova, welch"}},
		{"study run", []string{"arg"}},
		{"study walk", []string{"walk"}},
		{"study", []string{"run"}},
		{"doctor now", []string{"now"}},
		{"engine", []string{"fetch"}},
		{"engine steer", []string{"steer"}},
		{"serve now", []string{"now"}},
		{"version now", []string{"now"}},
		{"--data", []string{"--data"}},
	} {
		r := runWith(t, "", append(strings.Fields(c.args), "--data", filepath.Join(file, "below"))...)
		if c.args == "--data" {
			r = runWith(t, "", "version", "--data")
		}
		t.Run(c.args, func(t *testing.T) { refused(t, r, 2, c.words...) })
	}
	if r := runWith(t, "", "version", "--json"); r.code != 0 || !strings.HasPrefix(r.out, `{"version":"`) {
		t.Errorf("version: exit %d, %s%s", r.code, r.out, r.err)
	}
}
