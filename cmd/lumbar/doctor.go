package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newDoctorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "doctor", Short: "Look whether all is well with a data directory", Args: cobra.NoArgs, RunE: runDoctor}
	cmd.Flags().Bool("rebuild-check", false, "compare outcome with a full rebuild from the facts, cell by cell")
	return cmd
}

// diagnosis is what doctor found.
type diagnosis struct {
	DataVersion uint64 `json:"data_version"`
	// Differences is null where no rebuild check was asked for.
	Differences *int `json:"differences"`
}

func runDoctor(cmd *cobra.Command, _ []string) (err error) {
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	if place.attached != nil {
		return errors.New("doctor works alone on a data directory: stop the process that owns it first")
	}
	var d diagnosis
	if d.DataVersion, err = place.house.store.Reader().DataVersion(cmd.Context()); err != nil {
		return err
	}
	if check, _ := cmd.Flags().GetBool("rebuild-check"); check {
		n, err := place.house.store.Writer().RebuildCheck(cmd.Context())
		if err != nil {
			return err
		}
		d.Differences = &n
	}
	if asJSON(cmd) {
		err = writeJSON(cmd.OutOrStdout(), d)
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "data version %d\n", d.DataVersion)
		if d.Differences != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "rows of outcome that differ from a rebuild: %d\n", *d.Differences)
		}
	}
	if err == nil && d.Differences != nil && *d.Differences > 0 {
		return errors.New("outcome differs from its facts: nothing is lost; write to the project with the log")
	}
	return err
}
