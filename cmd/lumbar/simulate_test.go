package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/simulate"
)

func TestSimulateCommand(t *testing.T) {
	for _, format := range simulate.Formats() {
		dir := filepath.Join(t.TempDir(), "new", "folder")
		r := runWith(t, "", "simulate", "--json", "--out", dir, "--seed", "4", "--format", string(format), "--patients", "50")
		if r.code != 0 || r.err != "" {
			t.Fatalf("simulate: exit %d, %s", r.code, r.err)
		}
		var got simulated
		if err := json.Unmarshal([]byte(r.out), &got); err != nil {
			t.Fatal(err)
		}
		if got.Truth.Seed != 4 || got.Truth.Episodes != 50 || len(got.Truth.Effects) != 4 || len(got.Files) != 5 {
			t.Errorf("simulate --json = %s", r.out)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != len(got.Files) {
			t.Fatalf("%d files, %v; want %v", len(entries), err, got.Files)
		}
		for _, name := range got.Files {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	}
	if r := runWith(t, "", "simulate", "--patients", "10", "--out", t.TempDir()); r.code != 0 || !strings.HasPrefix(r.out, "10 episodes, ") {
		t.Errorf("simulate: exit %d, %q, %q", r.code, r.out, r.err)
	}
}

func TestSimulateUsage(t *testing.T) {
	out := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--patients", "10"}, "--out DIR"},
		{[]string{"--out", out}, "--patients N"},
		{[]string{"--out", out, "--patients", "0"}, "patients: must be 1"},
		{[]string{"--out", out, "--patients", "many"}, "patients"},
		{[]string{"--out", out, "--patients", "10", "--format", "xlsx"}, `format "xlsx"`},
		{[]string{"--out", out, "--patients", "10", "further"}, "further"},
	} {
		r := runWith(t, "", append([]string{"simulate"}, c.args...)...)
		if r.code != 2 || !strings.Contains(r.err, c.want) || strings.Count(r.err, "\n") != 1 {
			t.Errorf("simulate %v: exit %d, %q, want 2 and %q", c.args, r.code, r.err, c.want)
		}
	}
	file := filepath.Join(out, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := runWith(t, "", "simulate", "--patients", "10", "--out", file); r.code != 1 || strings.Count(r.err, "\n") != 1 {
		t.Errorf("simulate into a file: exit %d, %q", r.code, r.err)
	}
}
