package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// FetchOptions says where the engine's library is kept and whether it may be
// fetched. The zero value reads the environment.
type FetchOptions struct {
	// Cache is the folder shared by all checkouts; empty is LUMBAR_CACHE, else
	// lumbar in the user's cache folder.
	Cache string
	// Offline refuses to fetch; LUMBAR_OFFLINE=1 does so too.
	Offline bool
	// Progress receives what a person waits for; nil is standard error.
	Progress io.Writer
}

// lockPoll is how often a fetch that waits for another one looks again.
const lockPoll = 200 * time.Millisecond

// Fetch returns the path of the library, fetched with npm when the cache has
// none or a damaged one. Two fetches at once are safe: one works, the other
// waits for it. Each error is one line that says what to do.
func Fetch(ctx context.Context, options FetchOptions) (string, error) {
	pin, err := thisPlatform()
	if err != nil {
		return "", err
	}
	if options.Progress == nil {
		options.Progress = os.Stderr
	}
	if options.Cache == "" {
		if options.Cache, err = CacheDir(); err != nil {
			return "", err
		}
	}
	return fetchPinned(ctx, pin, options)
}

// CacheDir returns LUMBAR_CACHE, else lumbar in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("LUMBAR_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("engine: no folder to keep the library in: set LUMBAR_CACHE (%w)", err)
	}
	return filepath.Join(dir, "lumbar"), nil
}

// fetchPinned is Fetch for one package.
func fetchPinned(ctx context.Context, pin pinned, options FetchOptions) (string, error) {
	shelf := shelf(filepath.Join(options.Cache, "engine", strings.ReplaceAll(strings.TrimPrefix(pin.Name, "@"), "/", "-")+"-"+pin.Version))
	// The usual case needs no lock: a library is complete when it is there.
	found := shelf.check(pin)
	if found == nil {
		return shelf.library(), nil
	}
	if offline := os.Getenv("LUMBAR_OFFLINE"); options.Offline || (offline != "" && offline != "0" && offline != "false") {
		return "", fmt.Errorf("engine: %w, and LUMBAR_OFFLINE forbids to fetch it: run \"lumbar engine fetch\" "+
			"where npm reaches its registry, or name a server in clickhouse.addr", found)
	}
	if err := os.MkdirAll(string(shelf), 0o755); err != nil {
		return "", fmt.Errorf("engine: create cache folder: %w: set LUMBAR_CACHE to a folder you can write", err)
	}
	lock := flock.New(filepath.Join(string(shelf), "fetch.lock"))
	if held, err := lock.TryLock(); err != nil {
		return "", fmt.Errorf("engine: lock the cache %s: %w", shelf, err)
	} else if !held {
		fmt.Fprintln(options.Progress, "waiting for another fetch of the engine")
		if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
			return "", fmt.Errorf("engine: wait for another fetch into %s: %w", shelf, err)
		}
	}
	defer lock.Close()
	if found = shelf.check(pin); found == nil {
		return shelf.library(), nil
	}
	if !errors.Is(found, errNoLibrary) {
		fmt.Fprintf(options.Progress, "%v: fetching it again\n", found)
	}
	if err := fetchInto(ctx, shelf, pin, options.Progress); err != nil {
		return "", err
	}
	return shelf.library(), nil
}

// fetchInto packs, checks and unpacks in a folder beside the library, which it
// replaces at the end in one rename. The caller holds the lock.
func fetchInto(ctx context.Context, s shelf, pin pinned, progress io.Writer) error {
	stale, _ := filepath.Glob(filepath.Join(string(s), "fetch-*"))
	for _, dir := range stale {
		_ = os.RemoveAll(dir) // of a fetch that was killed; the lock says nobody uses it
	}
	dir, err := os.MkdirTemp(string(s), "fetch-*")
	if err != nil {
		return fmt.Errorf("engine: create cache folder: %w: set LUMBAR_CACHE to a folder you can write", err)
	}
	defer os.RemoveAll(dir)
	if err := npmPack(ctx, dir, pin, progress); err != nil {
		return err
	}
	archives, _ := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if len(archives) != 1 {
		return fmt.Errorf("engine: npm pack %s@%s left %d archives, want 1: run \"lumbar engine fetch\" again", pin.Name, pin.Version, len(archives))
	}
	if err := checkIntegrity(archives[0], pin.Integrity); err != nil {
		return fmt.Errorf("engine: %s@%s: %w: what npm brought is not what we tested, check npm's registry setting",
			pin.Name, pin.Version, err)
	}
	if err := s.unpack(archives[0], filepath.Join(dir, libraryFile), pin); err != nil {
		return fmt.Errorf("engine: unpack %s@%s: %w: free 1 GB there or set LUMBAR_CACHE", pin.Name, pin.Version, err)
	}
	fmt.Fprintf(progress, "engine %s is in %s\n", pin.Version, s)
	return nil
}

// npmPack lets npm, which knows its registry and proxy, bring the archive into
// dir. It keeps its own cache there too, so that nothing is stored twice and
// the growth of dir is the progress.
func npmPack(ctx context.Context, dir string, pin pinned, progress io.Writer) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("engine: npm is needed once, to fetch the embedded ClickHouse, and is not on PATH: " +
			"install Node.js with npm, or name a server in clickhouse.addr")
	}
	command := exec.CommandContext(ctx, npm, "pack", pin.Name+"@"+pin.Version, "--loglevel=error",
		"--pack-destination", dir, "--cache", filepath.Join(dir, "npm"))
	command.Dir = dir
	command.WaitDelay = 5 * time.Second
	output := &tail{}
	command.Stdout, command.Stderr = io.Discard, output
	fmt.Fprintf(progress, "fetching the ClickHouse engine with npm: %s@%s, %d MB\n", pin.Name, pin.Version, pin.Bytes/1e6)
	stop := showGrowth(dir, pin.Bytes, progress)
	err = command.Run()
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("engine: fetch: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("engine: npm pack %s@%s: %w: %s: check npm's network, or name a server in clickhouse.addr",
			pin.Name, pin.Version, err, npmReason(output))
	}
	return nil
}

// npmReason is the first of what npm said was wrong.
func npmReason(output *tail) string {
	var reasons []string
	for _, line := range output.lines() {
		if text, ok := strings.CutPrefix(line, "npm error "); ok && len(reasons) < 3 {
			reasons = append(reasons, text)
		}
	}
	if len(reasons) == 0 {
		return output.line()
	}
	return strings.Join(reasons, "; ")
}

// showGrowth draws a bar of dir's size on a terminal until stopped.
func showGrowth(dir string, total int64, progress io.Writer) (stop func()) {
	file, ok := progress.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(file), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("engine"), progressbar.OptionClearOnFinish())
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				_ = bar.Finish()
				return
			case <-time.After(lockPoll):
				_ = bar.Set64(min(folderSize(dir), total-1))
			}
		}
	}()
	return func() { close(done); <-ended }
}

// folderSize is the bytes of the largest file below dir: npm stores the archive
// in its cache before it copies it out.
func folderSize(dir string) int64 {
	var largest int64
	_ = filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				largest = max(largest, info.Size())
			}
		}
		return nil
	})
	return largest
}
