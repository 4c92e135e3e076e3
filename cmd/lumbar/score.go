package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/instruments"
)

// newScoreCommand is lumbar score: answers in, scores out, without an engine.
func newScoreCommand() *cobra.Command {
	var instrument, version string
	c := &cobra.Command{
		Use:   "score --instrument ID",
		Short: "Score answered questionnaires, one a line on standard input",
		Long: `Score reads one answered questionnaire a line and writes one JSON result a line, in order.
A line is a list of codes ([2,1,null,3]: null is missing, a list within it several ticked boxes),
an EQ-5D profile ("21232"), or an object {"answers": …, "admin_mode", "age", "sex", "missing",
"supplied_score", "instrument_version"}, whose answers may also be an object by item key. An object
with baseline and follow_up scores both and adds their change. A line that is not JSON gives a result
of status invalid, and exit code 1 at the end.`,
		Example: `  echo '[2,1,3,2,2,3,1,null,2,2]' | lumbar score --instrument odi
  echo '{"baseline": [7], "follow_up": [4]}' | lumbar score --instrument nrs_back
  echo '{"answers": [1,0,null], "admin_mode": "ticklist"}' | lumbar score --instrument rmdq24`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if instrument == "" {
				return usageError{errors.New("score: say which questionnaire with --instrument: " + knownInstruments())}
			}
			d, err := instruments.Lookup(instruments.ID(instrument), version)
			switch {
			case errors.Is(err, instruments.ErrUnknownInstrument):
				return usageError{fmt.Errorf("score: %q is no known instrument: give one of %s", instrument, knownInstruments())}
			case err != nil:
				return usageError{fmt.Errorf("score: %w", err)}
			}
			bad, err := instruments.ScoreLines(cmd.InOrStdin(), cmd.OutOrStdout(), d)
			if err != nil {
				return fmt.Errorf("score: %w", err)
			}
			if bad > 0 {
				return fmt.Errorf("score: lines that are not JSON: %d; each has a result of status invalid", bad)
			}
			return nil
		},
	}
	c.Flags().StringVar(&instrument, "instrument", "", "the questionnaire: "+knownInstruments())
	c.Flags().StringVar(&version, "version", "", "its version (default: the current one)")
	return c
}

// knownInstruments lists the ids for a message.
func knownInstruments() string {
	list := ""
	for _, d := range instruments.All() {
		if d.Current {
			if list != "" {
				list += ", "
			}
			list += string(d.ID)
		}
	}
	return list
}
