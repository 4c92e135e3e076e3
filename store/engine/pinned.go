package engine

import (
	"fmt"
	"runtime"
)

// pinned is a package that carries the library, exactly as we tested it.
type pinned struct {
	Name, Version string
	// Integrity is the registry's: sha512 of the packed archive, in base64.
	Integrity string
	// Bytes is the size of the archive, for the progress only.
	Bytes int64
}

// libraryVersion is of the packages in pins; the 26.5 ones can not listen.
const libraryVersion = "26.7.3-stable.1"

// pins are the platforms the embedded engine runs on, by GOOS/GOARCH. A
// platform joins with the integrity its registry publishes for this version
// (npm view NAME@VERSION dist.integrity) and a run of this package's tests.
var pins = map[string]pinned{
	"linux/amd64": {
		Name: "@chdb/lib-linux-x64-gnu", Version: libraryVersion,
		Integrity: "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
		Bytes:     177_817_999,
	},
}

// pinFor returns the package of a platform.
func pinFor(goos, goarch string) (pinned, error) {
	pin, ok := pins[goos+"/"+goarch]
	if !ok {
		return pinned{}, fmt.Errorf("engine: no embedded engine is pinned for %s/%s: put a clickhouse binary on PATH, "+
			"or name a server in clickhouse.addr", goos, goarch)
	}
	return pin, nil
}

// thisPlatform returns the package of the machine we run on.
func thisPlatform() (pinned, error) { return pinFor(runtime.GOOS, runtime.GOARCH) }
