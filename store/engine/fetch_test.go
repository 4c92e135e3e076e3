package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeNPM puts an npm on PATH that brings an archive of these members and
// notes each call. It returns the pin of that archive, options of an empty
// cache, and the number of calls so far.
func fakeNPM(t *testing.T, members map[string]string) (pinned, FetchOptions, func() int) {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	packed := tar.NewWriter(zipped)
	for name, text := range members {
		if err := packed.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(packed, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "archive"), archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	scriptNPM(t, dir, `echo "$2" >> `+dir+`/calls
sleep 0.2
while [ "$1" != --pack-destination ]; do shift; done
cp `+dir+`/archive "$2/lib.tgz"`)
	hash := sha512.Sum512(archive.Bytes())
	pin := pinned{Name: "@chdb/test", Version: "1.2.3", Bytes: int64(archive.Len()),
		Integrity: "sha512-" + base64.StdEncoding.EncodeToString(hash[:])}
	t.Setenv("LUMBAR_OFFLINE", "")
	return pin, FetchOptions{Cache: t.TempDir(), Progress: io.Discard}, func() int {
		text, _ := os.ReadFile(filepath.Join(dir, "calls"))
		return strings.Count(string(text), pin.Name+"@"+pin.Version+"\n")
	}
}

// scriptNPM makes a shell script the npm on PATH.
func scriptNPM(t *testing.T, dir, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

var goodPackage = map[string]string{"package/package.json": "{}", "package/libchdb.so": "the library"}

func fetchText(t *testing.T, pin pinned, options FetchOptions) string {
	t.Helper()
	path, err := fetchPinned(t.Context(), pin, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFetchOnceThenFromTheCache(t *testing.T) {
	pin, options, calls := fakeNPM(t, goodPackage)
	for range 3 {
		if got := fetchText(t, pin, options); got != "the library" {
			t.Errorf("library = %q", got)
		}
	}
	if calls() != 1 {
		t.Errorf("npm ran %d times, want once", calls())
	}
	options.Offline = true
	fetchText(t, pin, options)
	left, err := filepath.Glob(filepath.Join(options.Cache, "engine", "*", "fetch-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFetchesAtOnce(t *testing.T) {
	pin, options, calls := fakeNPM(t, goodPackage)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if path, err := fetchPinned(t.Context(), pin, options); err != nil {
				t.Error(err)
			} else if text, err := os.ReadFile(path); err != nil || string(text) != "the library" {
				t.Errorf("library = %q, %v", text, err)
			}
		})
	}
	all.Wait()
	if calls() != 1 {
		t.Errorf("npm ran %d times, want once", calls())
	}
}

func TestDamagedLibraryIsFetchedAgain(t *testing.T) {
	damage := map[string]func(t *testing.T, path string){
		"cut short": func(t *testing.T, path string) { must(t, os.Truncate(path, 3)) },
		"other contents": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("the LIBRARY"), 0o755))
			must(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
		},
		"deleted":   func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"no marker": func(t *testing.T, path string) { must(t, os.Remove(shelf(filepath.Dir(path)).marker())) },
		"a bad marker": func(t *testing.T, path string) {
			must(t, os.WriteFile(shelf(filepath.Dir(path)).marker(), []byte("{"), 0o600))
		},
	}
	for name, harm := range damage {
		t.Run(name, func(t *testing.T) {
			pin, options, calls := fakeNPM(t, goodPackage)
			path, err := fetchPinned(t.Context(), pin, options)
			if err != nil {
				t.Fatal(err)
			}
			harm(t, path)

			offline := options
			offline.Offline = true
			_, err = fetchPinned(t.Context(), pin, offline)
			wantOneLine(t, err, "library is", "LUMBAR_OFFLINE", "lumbar engine fetch")

			if got := fetchText(t, pin, options); got != "the library" || calls() != 2 {
				t.Errorf("after the damage: library %q, %d calls of npm; want it anew", got, calls())
			}
		})
	}
}

func TestTouchedLibraryIsKept(t *testing.T) {
	pin, options, calls := fakeNPM(t, goodPackage)
	path, err := fetchPinned(t.Context(), pin, options)
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
	fetchText(t, pin, options)
	if calls() != 1 {
		t.Errorf("npm ran %d times for a library that is whole", calls())
	}
}

func TestFetchRefuses(t *testing.T) {
	pin, options, _ := fakeNPM(t, goodPackage)
	other := pin
	other.Integrity = "sha512-AAAA"
	_, err := fetchPinned(t.Context(), other, options)
	wantOneLine(t, err, "integrity", other.Integrity, "registry")

	t.Setenv("LUMBAR_OFFLINE", "1")
	_, err = fetchPinned(t.Context(), pin, options)
	wantOneLine(t, err, "missing", "LUMBAR_OFFLINE", "lumbar engine fetch")
	t.Setenv("LUMBAR_OFFLINE", "")

	scriptNPM(t, t.TempDir(), `echo "npm error code E404" >&2; echo "npm error 404 Not Found" >&2; exit 1`)
	_, err = fetchPinned(t.Context(), pin, options)
	wantOneLine(t, err, "E404", "Not Found", pin.Name)

	t.Setenv("PATH", t.TempDir())
	_, err = fetchPinned(t.Context(), pin, options)
	wantOneLine(t, err, "npm is needed", "Node.js", "clickhouse.addr")

	if _, err := os.Stat(filepath.Join(options.Cache, "engine", "chdb-test-1.2.3", libraryFile)); err == nil {
		t.Error("a refused fetch left a library")
	}
}

func TestArchiveWithoutLibrary(t *testing.T) {
	pin, options, _ := fakeNPM(t, map[string]string{"package/package.json": "{}"})
	_, err := fetchPinned(t.Context(), pin, options)
	wantOneLine(t, err, "no package/libchdb.so")
}

func TestUnwritableCache(t *testing.T) {
	pin, options, _ := fakeNPM(t, goodPackage)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	options.Cache = file
	_, err := fetchPinned(t.Context(), pin, options)
	wantOneLine(t, err, "LUMBAR_CACHE")
}

func TestStartWithoutLibrarySaysWhatToDo(t *testing.T) {
	_, err := Start(t.Context(), Config{Kind: Embedded, Dir: t.TempDir(),
		Fetch: FetchOptions{Cache: t.TempDir(), Offline: true, Progress: io.Discard}})
	wantOneLine(t, err, "missing", "LUMBAR_OFFLINE", "clickhouse.addr")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v does not wrap ErrUnavailable", err)
	}
}

func TestStartWithSomethingThatIsNoLibrary(t *testing.T) {
	pin, err := thisPlatform()
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := fakeNPM(t, goodPackage)
	s := shelf(filepath.Join(options.Cache, "engine", "chdb-lib-linux-x64-gnu-"+pin.Version))
	must(t, os.MkdirAll(string(s), 0o755))
	must(t, os.WriteFile(s.library(), []byte("not an ELF file"), 0o755))
	info, err := os.Stat(s.library())
	if err != nil {
		t.Fatal(err)
	}
	must(t, s.writeMarker(marker{Package: pin.Name + "@" + pin.Version, Integrity: pin.Integrity,
		Size: info.Size(), Modified: info.ModTime()}))
	_, err = Start(t.Context(), Config{Kind: Embedded, Dir: t.TempDir(), Fetch: options})
	wantOneLine(t, err, "load library", "delete it", "lumbar engine fetch")
}

func TestPlatformWithoutPin(t *testing.T) {
	_, err := pinFor("plan9", "mips")
	wantOneLine(t, err, "plan9/mips", "clickhouse.addr")
	for platform, pin := range pins {
		if !strings.HasPrefix(pin.Integrity, "sha512-") || pin.Version != libraryVersion || pin.Bytes == 0 {
			t.Errorf("the pin of %s is not whole: %+v", platform, pin)
		}
	}
}

func TestCacheDirMovesWithTheEnvironment(t *testing.T) {
	t.Setenv("LUMBAR_CACHE", "/elsewhere")
	if got, err := CacheDir(); err != nil || got != "/elsewhere" {
		t.Errorf("CacheDir() = %q, %v", got, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantOneLine wants an error of one line with these words in it.
func wantOneLine(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range append(words, "engine:") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
	if strings.Contains(fmt.Sprint(err), "\n") {
		t.Errorf("error %q is not one line", err)
	}
}
