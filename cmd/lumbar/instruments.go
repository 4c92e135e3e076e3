package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/instruments"
)

// folders are those, and the file, that instruments were last read from.
var folders struct {
	sync.Mutex
	definitions, mappings, fhir string
}

// useInstruments reads the configured folders of definitions and of mapping
// tables, and the table of FHIR questionnaires, for whatever command follows.
func useInstruments(config string) error {
	k, err := readConfig(config)
	if err != nil {
		return err
	}
	folders.Lock()
	defer folders.Unlock()
	if dir := k.String("instruments.definitions_dir"); dir != folders.definitions {
		if err := instruments.UseDefinitions(dir); err != nil {
			return fmt.Errorf("instruments.definitions_dir %s: %w", dir, err)
		}
		folders.definitions = dir
	}
	if dir := k.String("instruments.dsu_dir"); dir != folders.mappings {
		if err := instruments.UseMappings(dir); err != nil {
			return fmt.Errorf("instruments.dsu_dir %s: %w", dir, err)
		}
		folders.mappings = dir
	}
	if path := k.String("instruments.fhir_file"); path != folders.fhir {
		if err := fhir.UseQuestionnaires(path); err != nil {
			return fmt.Errorf("instruments.fhir_file %s: %w", path, err)
		}
		folders.fhir = path
	}
	return nil
}

// configFlag finds --config among arguments that no command has read yet.
func configFlag(args []string) string {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			return value
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
