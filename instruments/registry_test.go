package instruments

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes definition files into a folder as a trust would keep them.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A folder adds questionnaires to the built-in ones and replaces what has the
// same id and version; a further version that is current takes its place.
func TestFurtherFolderOfDefinitions(t *testing.T) {
	odi := fileOf(t, "odi")
	stricter := strings.NewReplacer("at_most: 2", "at_most: 0", "unit: 18", "unit: 1", "algorithm: odi-1", "algorithm: odi_strict-1").Replace(odi)
	newer := strings.NewReplacer(`version: "2.1a"`, `version: "3.0"`, "algorithm: odi-1", "algorithm: odi_3-1").Replace(odi)
	for _, c := range []struct {
		files                         map[string]string
		current, algorithm, ofBuiltIn string
		more                          int
	}{
		{map[string]string{"notes.txt": "not a definition"}, "2.1a", "odi-1", "odi-1", 0},
		{map[string]string{"ours.yaml": yesNo}, "2.1a", "odi-1", "odi-1", 1},
		{map[string]string{"any_name.yaml": stricter}, "2.1a", "odi_strict-1", "odi_strict-1", 0},
		{map[string]string{"odi_3.yaml": newer}, "3.0", "odi_3-1", "odi-1", 1},
		{map[string]string{"odi_3.yaml": strings.Replace(newer, "current: true", "current: false", 1)}, "2.1a", "odi-1", "odi-1", 1},
	} {
		r, err := newRegistry("", definitionFiles, flat{os.DirFS(folderOf(t, c.files))})
		if err != nil {
			t.Fatal(err)
		}
		current, err := r.lookup("odi", "")
		if err != nil {
			t.Fatal(err)
		}
		builtIn, err := r.lookup("odi", "2.1a")
		if err != nil {
			t.Fatal(err)
		}
		if current.Version != c.current || current.Algorithm != c.algorithm || builtIn.Algorithm != c.ofBuiltIn || r.byColumn["odi"] != current.Primary() || len(r.definitions) != len(All())+c.more {
			t.Errorf("%v: current %s %s, 2.1a %s, %d definitions", len(c.files), current.Version, current.Algorithm, builtIn.Algorithm, len(r.definitions))
		}
		if same := r.version == RegistryVersion(); same != (c.more == 0 && c.ofBuiltIn == "odi-1") {
			t.Errorf("%s: the registry's version is the built-in one: %v", current.Algorithm, same)
		}
	}
}

// A folder that can not be used is refused as a whole, and nothing changes.
func TestBrokenFoldersOfDefinitionsAreRefused(t *testing.T) {
	before := RegistryVersion()
	for want, dir := range map[string]string{
		"can not be read":      filepath.Join(t.TempDir(), "none"),
		"unknown field":        folderOf(t, map[string]string{"a.yaml": strings.Replace(yesNo, "licence:", "license:", 1)}),
		"a.yaml":               folderOf(t, map[string]string{"a.yaml": "nonsense", "b.yaml": yesNo}),
		"defined twice":        folderOf(t, map[string]string{"a.yaml": yesNo, "b.yaml": yesNo}),
		"0 current versions":   folderOf(t, map[string]string{"a.yaml": strings.Replace(yesNo, "current: true", "current: false", 1)}),
		"another definition":   folderOf(t, map[string]string{"a.yaml": strings.NewReplacer("id: yesno", "id: odi", "name: yesno", "name: odi", "algorithm: yesno-1", "algorithm: odi-1").Replace(yesNo)}),
		"both have a score":    folderOf(t, map[string]string{"a.yaml": strings.NewReplacer("name: yesno", "name: odi").Replace(yesNo)}),
		"no score that is not": folderOf(t, map[string]string{"a.yaml": strings.Replace(yesNo, "name: yesno,", "name: yesno, superseded: true,", 1)}),
	} {
		if err := UseDefinitions(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("UseDefinitions: %v, want an error with %q", err, want)
		}
	}
	if RegistryVersion() != before {
		t.Error("a folder that was refused changed the registry")
	}
}
