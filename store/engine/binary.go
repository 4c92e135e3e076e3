package engine

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// oldestMajor and oldestMinor are the first release we test with; an older
// binary on PATH is passed over.
const oldestMajor, oldestMinor = 26, 7

var versionPattern = regexp.MustCompile(`version (\d+)\.(\d+)`)

// findBinary returns the clickhouse on PATH. The error wraps exec.ErrNotFound
// when there is none, and says so when it is too old.
func findBinary(ctx context.Context) (string, error) {
	path, err := exec.LookPath("clickhouse")
	if err != nil {
		return "", fmt.Errorf("engine: clickhouse on PATH: %w", err)
	}
	text, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("engine: %s --version: %w", path, err)
	}
	found := versionPattern.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("engine: %s --version names no version", path)
	}
	major, _ := strconv.Atoi(string(found[1]))
	minor, _ := strconv.Atoi(string(found[2]))
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return "", fmt.Errorf("engine: %s is version %d.%d: %d.%d or newer is needed", path, major, minor, oldestMajor, oldestMinor)
	}
	return path, nil
}
