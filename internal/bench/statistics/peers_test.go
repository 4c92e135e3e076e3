package statistics

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Time that a peer may take for all its jobs.
const patience = 30 * time.Minute

// peer is another program that answers the same questions.
type peer struct {
	name    string
	command []string // before the file
	check   []string // ends well where the peer is there
}

// The interpreter of Debian is named in full: another one on the path has not
// its packages.
var (
	inR      = peer{"R", []string{"Rscript", "peers/peer.R"}, []string{"Rscript", "-e", "for (p in c('data.table', 'sandwich', 'survival', 'mice')) library(p, character.only = TRUE)"}}
	inPython = peer{"statsmodels", []string{"/usr/bin/python3", "peers/peer.py"}, []string{"/usr/bin/python3", "-c", "import statsmodels.api, pandas"}}
	duckDB   = peer{"DuckDB", []string{"node", "peers/peer.mjs"}, []string{"node", "-e", "require('./peers/node_modules/@duckdb/node-api')"}}
)

// there says whether the peer can be asked.
func (p peer) there(b *testing.B) bool {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), p.check[0], p.check[1:]...).CombinedOutput()
	if err != nil {
		fmt.Printf("not measured: %s can not be asked: %v: %s\n", p.name, err, bytes.TrimSpace(out[:min(len(out), 300)]))
	}
	return err == nil
}

// ask runs the peer on a file, in at most that much memory where it is given,
// and returns its answers by job. A peer that ends early has those it finished.
func (p peer) ask(b *testing.B, file string, bytesAtMost int64) (map[string]answer, error) {
	b.Helper()
	args := append([]string{}, p.command...)
	if bytesAtMost > 0 {
		args = append([]string{"prlimit", "--as=" + strconv.FormatInt(bytesAtMost, 10)}, args...)
	}
	args = append([]string{"timeout", strconv.Itoa(int(patience.Seconds()))}, args...)
	cmd := exec.CommandContext(b.Context(), args[0], append(args[1:], file)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	found := map[string]answer{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		name, a, parsed := parse(lines.Text())
		if parsed != nil {
			b.Fatalf("%s: %v", p.name, parsed)
		}
		found[name] = a
	}
	if err != nil {
		text := strings.TrimSpace(errs.String())
		err = fmt.Errorf("%s on %s: %w: %s", p.name, filepath.Base(file), err, text[max(0, len(text)-300):])
	}
	return found, err
}

// parse reads a peer's line: job, seconds, then name=value pairs.
func parse(line string) (string, answer, error) {
	parts := strings.Split(line, "\t")
	if len(parts) < 3 {
		return "", answer{}, fmt.Errorf("a line that is no answer: %q", line)
	}
	a := answer{values: values{}}
	var err error
	if a.seconds, err = strconv.ParseFloat(strings.TrimSpace(parts[1]), 64); err != nil {
		return "", a, err
	}
	for _, pair := range parts[2:] {
		name, text, _ := strings.Cut(pair, "=")
		if a.values[name], err = strconv.ParseFloat(text, 64); err != nil {
			return "", a, err
		}
	}
	return parts[0], a, nil
}

// free is the memory that can be had, in bytes.
func free(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "MemAvailable:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes << 10
}
