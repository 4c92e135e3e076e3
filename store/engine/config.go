package engine

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Kind is how the store came by its ClickHouse.
type Kind string

// The kinds, in the order in which Start tries them.
const (
	// Configured is a server or cluster that somebody else runs.
	Configured Kind = "configured"
	// Binary is a server of ours, started from a clickhouse binary on PATH.
	Binary Kind = "binary"
	// Embedded is the fetched library in a child process of ours.
	Embedded Kind = "embedded"
)

// DefaultDatabase is the database of a data directory and, unless configured
// otherwise, of a server.
const DefaultDatabase = "lumbar"

// appUser is the one user of an engine of ours.
const appUser = "lumbar"

// Config says which ClickHouse to use. The zero value with a Dir is an engine
// of our own.
type Config struct {
	// Kind forces one kind; empty takes the first that is there: Configured
	// when Addr is set, Binary when clickhouse is on PATH, else Embedded.
	Kind Kind

	// Dir is the folder of an engine of our own, created when absent. The
	// caller holds the data directory's lock (Acquire).
	Dir string
	// MemoryBytes bounds what an engine of our own allocates; 0 is half of the
	// machine's memory.
	MemoryBytes int64

	// Addr is the native TCP address (host:port) of a configured server, or
	// several of one cluster, separated by commas.
	Addr string
	// HTTPAddr is the HTTP address of a configured server; empty is the first
	// host of Addr with port 8123, or 8443 with TLS.
	HTTPAddr string
	// User and Password are those of a configured server.
	User, Password string
	// Database is created when absent; empty is DefaultDatabase.
	Database string
	// TLS, when not nil, is used for both protocols of a configured server.
	TLS *tls.Config

	// Fetch says where the library is kept and whether it may be fetched.
	Fetch FetchOptions
	// Log receives restarts; nil is silent.
	Log *slog.Logger
	// OnState, when set, is told each change of state. It must not block.
	OnState func(State)
}

// withDefaults fills what the caller left open.
func (c Config) withDefaults() Config {
	if c.Database == "" {
		c.Database = DefaultDatabase
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnState == nil {
		c.OnState = func(State) {}
	}
	return c
}

// newPassword returns 128 random bits in hexadecimal.
func newPassword() string {
	return strings.ToLower(rand.Text())
}

// Half of the memory is the engine's; the rest is ours and the system's file
// cache. Large groupings and sorts go to disk at half of that (the engine's
// defaults).
const (
	memoryShare    = 0.5
	markCacheBytes = 256 << 20
)

// serverConfig is the main configuration of an engine of ours.
type serverConfig struct {
	XMLName    xml.Name `xml:"clickhouse"`
	LogLevel   string   `xml:"logger>level"`
	LogConsole int      `xml:"logger>console"`
	ListenHost string   `xml:"listen_host"`
	// Beside the reserved port (ports.go).
	ListenReusePort int    `xml:"listen_reuse_port"`
	TCPPort         int    `xml:"tcp_port"`
	HTTPPort        int    `xml:"http_port"`
	Path            string `xml:"path"`
	TmpPath         string `xml:"tmp_path"`
	UserFiles       string `xml:"user_files_path"`
	FormatSchemas   string `xml:"format_schema_path"`
	UsersConfig     string `xml:"users_config"`
	Timezone        string `xml:"timezone"`
	// The engine knows the machine's or the container's memory.
	MemoryShare float64 `xml:"max_server_memory_usage_to_ram_ratio"`
	MaxMemory   int64   `xml:"max_server_memory_usage,omitempty"`
	MarkCache   int64   `xml:"mark_cache_size"`
	// 566 MB of library need not be locked in memory.
	LockExecutable bool `xml:"mlock_executable"`
}

// usersTemplate has the application's user and, in the embedded engine, the
// user of the library's own session: that session always logs in as default
// without a password. One session is all default may have, the library's takes
// it before the ports open and keeps it, so a client that tries is refused; and
// default may do nothing but open the ports.
const usersTemplate = `<clickhouse>
  <profiles>
    <default>
      <async_insert>0</async_insert>
    </default>
    <library><max_sessions_for_user>1</max_sessions_for_user></library>
  </profiles>
  <quotas><default/></quotas>
  <users>%s
    <%s>
      <password_sha256_hex>%s</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>%s</query></grants>
    </%s>
  </users>
</clickhouse>
`

const libraryUser = `
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>library</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
      </grants>
    </default>`

// appRights and tableEngines leave out what reaches files, other hosts' files
// and users: a statement that slipped through could then not read this machine.
// REMOTE stays for Distributed tables.
const appRights = "SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, " +
	"KILL QUERY, MOVE PARTITION BETWEEN SHARDS, SYSTEM, dictGet, INTROSPECTION, REMOTE, CLUSTER, BACKUP ON *.*"

var tableEngines = []string{
	"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree",
	"VersionedCollapsingMergeTree", "CoalescingMergeTree",
	"Distributed", "Memory", "Null", "Set", "Join", "Merge", "Dictionary", "View", "MaterializedView",
}

// appGrant is one statement, as the users' file wants it.
func appGrant() string {
	grant := "GRANT " + appRights
	for _, engine := range tableEngines {
		grant += ", TABLE ENGINE ON " + engine
	}
	return grant
}

// writeConfig writes the two configuration files of an engine of ours, readable
// by the owner only, and returns the path of the main one.
func writeConfig(kind Kind, dir, password string, memory int64, tcp, http int) (string, error) {
	data := filepath.Join(dir, "data")
	config, err := xml.MarshalIndent(serverConfig{
		LogLevel: "none", ListenHost: loopback, ListenReusePort: 1, TCPPort: tcp, HTTPPort: http,
		Path: data, TmpPath: filepath.Join(data, "tmp") + "/", UserFiles: filepath.Join(data, "user_files") + "/",
		FormatSchemas: filepath.Join(data, "format_schemas") + "/",
		UsersConfig:   filepath.Join(dir, "users.xml"), Timezone: "UTC",
		MemoryShare: memoryShare, MaxMemory: memory, MarkCache: markCacheBytes,
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("engine: write configuration: %w", err)
	}
	library := ""
	if kind == Embedded {
		library = libraryUser
	}
	hash := sha256.Sum256([]byte(password))
	users := fmt.Sprintf(usersTemplate, library, appUser,
		hex.EncodeToString(hash[:]), appGrant(), appUser)

	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("engine: create data folder: %w", err)
	}
	path := filepath.Join(dir, "config.xml")
	for name, text := range map[string][]byte{path: config, filepath.Join(dir, "users.xml"): []byte(users)} {
		if err := writePrivate(name, text); err != nil {
			return "", fmt.Errorf("engine: write configuration: %w", err)
		}
	}
	return path, nil
}

// writePrivate replaces a file whole, mode 0600.
func writePrivate(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(text); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
