package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/record"
)

// openWordings loads the configured wording packs for whoever shows them, and
// logs which there are. A broken pack ends the start: an installation that
// believes to show a questionnaire must not find out from its patients.
func openWordings(k *koanf.Koanf, log *slog.Logger) (*wording.Library, error) {
	packs, err := wording.Open(k.String("instruments.wording_dir"))
	if err != nil {
		return nil, fmt.Errorf("instruments.wording_dir: %w", err)
	}
	for _, p := range packReports(packs) {
		if p.LicenceEnded {
			log.Warn("wording pack loaded and not shown: its licence has ended", "instrument", p.Instrument, "version", p.Version, "language", p.Language, "valid_until", p.ValidUntil)
			continue
		}
		log.Info("wording pack loaded", "instrument", p.Instrument, "version", p.Version, "language", p.Language)
	}
	return packs, nil
}

// packReport is what doctor says of one wording pack.
type packReport struct {
	Instrument   instruments.ID `json:"instrument"`
	Version      string         `json:"version"`
	Language     string         `json:"language"`
	ValidUntil   string         `json:"valid_until,omitempty"`
	LicenceEnded bool           `json:"licence_ended"`
}

// String is the report as a line.
func (p packReport) String() string {
	line := fmt.Sprintf("wording pack of %s %s in %s", p.Instrument, p.Version, p.Language)
	switch {
	case p.LicenceEnded:
		return line + ": not shown, its licence ended on " + p.ValidUntil
	case p.ValidUntil != "":
		return line + ", licensed until " + p.ValidUntil
	}
	return line
}

func packReports(packs *wording.Library) []packReport {
	out := []packReport{}
	today := record.DateOf(time.Now()).Time()
	for _, p := range packs.Packs() {
		out = append(out, packReport{p.Instrument, p.Version, p.Language, p.Licence.ValidUntil, p.Licence.EndedBy(today)})
	}
	return out
}

// reportWordings loads the packs as serve would.
func reportWordings(cmd *cobra.Command) ([]packReport, error) {
	k, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	packs, err := wording.Open(k.String("instruments.wording_dir"))
	if err != nil {
		return nil, fmt.Errorf("instruments.wording_dir: %w", err)
	}
	return packReports(packs), nil
}
