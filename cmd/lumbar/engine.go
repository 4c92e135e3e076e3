package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/store/engine"
)

// newEngineCommand is what there is to do about the embedded ClickHouse by hand.
func newEngineCommand() *cobra.Command {
	command := &cobra.Command{Use: "engine", Short: "Look after the embedded ClickHouse engine"}
	command.AddCommand(&cobra.Command{
		Use: "fetch", Short: "Fetch the engine's library with npm, unless the cache has it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			path, err := engine.Fetch(cmd.Context(), engine.FetchOptions{
				Cache: k.String("cache"), Offline: k.Bool("offline"), Progress: cmd.ErrOrStderr(),
			})
			if err != nil {
				return err
			}
			if asJSON(cmd) {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"library": path})
			}
			fmt.Fprintln(cmd.OutOrStdout(), path)
			return nil
		},
	})
	return command
}
