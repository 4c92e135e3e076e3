package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
)

// settings are all keys of lumbar.yaml with their defaults; the environment
// names them LUMBAR_ and the key in capitals, dots as underscores.
var settings = map[string]any{
	"data":                        "",
	"http.addr":                   "127.0.0.1:8080",
	"clickhouse.addr":             "",
	"clickhouse.http_addr":        "",
	"clickhouse.user":             "default",
	"clickhouse.password":         "",
	"clickhouse.database":         "lumbar",
	"clickhouse.tls":              false,
	"cache":                       "",
	"offline":                     false,
	"ingest.rate_requests":        10_000,
	"ingest.rate_rows":            100_000,
	"fhir.import_sources":         "",
	"journal.dir":                 "",
	"journal.max_bytes":           8 << 30,
	"pseudonym.key":               "",
	"pseudonym.key_file":          "",
	"instruments.definitions_dir": "",
	"instruments.dsu_dir":         "",
	"instruments.wording_dir":     "",
	"instruments.fhir_file":       "",
	"log.level":                   "info",
	"log.format":                  "text",
}

// loadConfig reads flags over environment over file over defaults.
func loadConfig(cmd *cobra.Command) (*koanf.Koanf, error) {
	path, _ := cmd.Flags().GetString("config")
	k, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	for flag, key := range map[string]string{"data": "data", "addr": "http.addr"} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			if err := k.Set(key, f.Value.String()); err != nil {
				return nil, err
			}
		}
	}
	return k, nil
}

// readConfig reads environment over file over defaults. An empty path is
// lumbar.yaml, where it exists.
func readConfig(path string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	for key, value := range settings {
		if err := k.Set(key, value); err != nil {
			return nil, err
		}
	}
	if err := loadFile(path, k); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for key := range settings {
		names["LUMBAR_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
	}
	known := env.Provider(".", env.Opt{Prefix: "LUMBAR_", TransformFunc: func(name, value string) (string, any) {
		return names[name], value // "" is left out
	}})
	return k, k.Load(known, nil)
}

func loadFile(path string, k *koanf.Koanf) error {
	required := path != ""
	if !required {
		path = "lumbar.yaml"
	}
	err := k.Load(file.Provider(path), yamlParser{})
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	for _, key := range k.Keys() {
		if _, ok := settings[key]; !ok {
			return fmt.Errorf("configuration %s: unknown key %q; lumbar.example.yaml lists all keys", path, key)
		}
	}
	return nil
}

// yamlParser lets koanf read YAML with the parser the rest of the product uses.
type yamlParser struct{}

func (yamlParser) Unmarshal(b []byte) (map[string]any, error) {
	m := map[string]any{}
	return m, yaml.Unmarshal(b, &m)
}

func (yamlParser) Marshal(m map[string]any) ([]byte, error) { return yaml.Marshal(m) }

// dataDir is the configured data directory, or a per-user one.
func dataDir(k *koanf.Koanf) (string, error) {
	if dir := k.String("data"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lumbar"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory to keep data in: set LUMBAR_DATA")
	}
	return filepath.Join(home, ".local", "share", "lumbar"), nil
}

func asJSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// isSet says whether a flag was given on the command line.
func isSet(cmd *cobra.Command, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		f := cmd.Flags().Lookup(n)
		return f != nil && f.Changed
	})
}
