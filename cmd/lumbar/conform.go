package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/queries/methods"
)

// conformCounts is the answer of lumbar conform --json.
type conformCounts struct {
	Passed      int `json:"passed"`
	Failed      int `json:"failed"`
	Unsupported int `json:"unsupported"`
}

// newConformCommand is lumbar conform: every golden case of a folder through the
// entry that lumbar stat has.
func newConformCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "conform DIR",
		Short: "Run every golden case of a folder and compare",
		Long: `Conform runs each case of DIR/*.json through the same entry as lumbar stat and compares every
number within the case's tolerance. Each case that fails or is not supported is a line on standard
error; the last line on standard output is "N passed, M failed, K unsupported". Exit code 1 when
one failed.`,
		Example: `  lumbar conform golden`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lines := cmd.OutOrStdout()
			if asJSON(cmd) {
				lines = io.Discard
			}
			passed, failed, unsupported, err := methods.Conform(args[0], lines, cmd.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("conform: %w", err)
			}
			if asJSON(cmd) {
				if err := writeJSON(cmd.OutOrStdout(), conformCounts{passed, failed, unsupported}); err != nil {
					return err
				}
			}
			if failed > 0 {
				return silentError{errors.New("cases failed")}
			}
			return nil
		},
	}
}
