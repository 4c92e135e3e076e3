package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
)

// artificialPack is a wording pack whose texts say that they are none.
func artificialPack(t *testing.T, id instruments.ID, until string) string {
	t.Helper()
	d, err := instruments.Lookup(id, "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "instrument: %s\nversion: %q\nlanguage: en-GB\ntitle: artificial title\n", d.ID, d.Version)
	fmt.Fprintf(&b, "licence: {holder: artificial holder, statement: artificial statement, valid_until: %s}\nitems:\n", until)
	for i, it := range d.Items {
		fmt.Fprintf(&b, "  %s:\n    text: artificial text of item %d\n    options:\n", it.Key, i+1)
		for code := it.Min; code <= it.Max; code++ {
			fmt.Fprintf(&b, "      %d: artificial text of code %d\n", code, code)
		}
	}
	return b.String()
}

// TestBrokenPackEndsTheStart holds that nothing is served with a wording pack
// that is broken, that one line says which file, where and what to do, and that
// no word of the pack stands in it.
func TestBrokenPackEndsTheStart(t *testing.T) {
	packs := t.TempDir()
	t.Setenv("LUMBAR_INSTRUMENTS_WORDING_DIR", packs)
	good := artificialPack(t, "odi", "2030-06-30")
	save(t, filepath.Join(packs, "good.yaml"), []byte(good))
	broken := strings.Replace(good, "language: en-GB", "language: cy", 1)
	broken = strings.Replace(broken, "      4: artificial text of code 4\n", "", 1)
	save(t, filepath.Join(packs, "broken.yaml"), []byte(broken))
	for _, args := range [][]string{{"serve", "--addr", "127.0.0.1:0"}, {"demo", "--addr", "127.0.0.1:0"}, {"doctor"}} {
		in := newInstallation(t)
		r := in.run(t, args...)
		refused(t, r, 1, "instruments.wording_dir", "broken.yaml", "item odi.1", "code 4 is missing")
		if strings.Contains(r.err, "artificial") {
			t.Errorf("lumbar %s repeats wording: %s", args[0], r.err)
		}
		if entries, err := os.ReadDir(in.dir); err != nil || len(entries) != 0 {
			t.Errorf("lumbar %s began before it looked at the packs: %v %v", args[0], entries, err)
		}
	}
}

func TestDoctorListsPacks(t *testing.T) {
	packs := t.TempDir()
	t.Setenv("LUMBAR_INSTRUMENTS_WORDING_DIR", packs)
	save(t, filepath.Join(packs, "odi.yaml"), []byte(artificialPack(t, "odi", "2999-06-30")))
	save(t, filepath.Join(packs, "oks.yaml"), []byte(artificialPack(t, "oks", "2020-06-30")))
	in := newInstallation(t)
	r := in.mustRun(t, "doctor")
	for _, want := range []string{
		"wording pack of odi 2.1a in en-GB, licensed until 2999-06-30\n",
		"wording pack of oks 2007 in en-GB: not shown, its licence ended on 2020-06-30\n",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("doctor does not say %q: %s", want, r.out)
		}
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(in.mustRun(t, "doctor", "--json").out), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Wordings) != 2 || d.Wordings[0].LicenceEnded || !d.Wordings[1].LicenceEnded {
		t.Errorf("doctor --json: wordings %+v", d.Wordings)
	}
}
