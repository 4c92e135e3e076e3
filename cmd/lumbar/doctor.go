package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/store/write"
)

func newDoctorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "doctor", Short: "Look whether all is well with a data directory", Args: cobra.NoArgs, RunE: runDoctor}
	cmd.Flags().Bool("rebuild-check", false, "compare outcome with a full rebuild from the facts, cell by cell")
	cmd.Flags().Bool("rebuild", false, "derive outcome again from the facts, then check it")
	return cmd
}

// diagnosis is what doctor found.
type diagnosis struct {
	DataVersion uint64 `json:"data_version"`
	// Differences counts cells; null where no check was asked for.
	Differences *int `json:"differences"`
	// Wordings are the wording packs that are loaded.
	Wordings []packReport `json:"wordings"`
}

func runDoctor(cmd *cobra.Command, _ []string) (err error) {
	var d diagnosis
	if d.Wordings, err = reportWordings(cmd); err != nil {
		return err
	}
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	if place.attached != nil {
		return errors.New("doctor works alone on a data directory: stop the process that owns it first")
	}
	if d.DataVersion, err = place.house.store.Reader().DataVersion(cmd.Context()); err != nil {
		return err
	}
	check, _ := cmd.Flags().GetBool("rebuild-check")
	rebuild, _ := cmd.Flags().GetBool("rebuild")
	if rebuild {
		if err := place.house.store.Writer().Rebuild(cmd.Context()); err != nil {
			return err
		}
	}
	var found error
	if check || rebuild {
		n, err := place.house.store.Writer().RebuildCheck(cmd.Context())
		if err != nil && !errors.Is(err, write.ErrDiffers) {
			return err
		}
		d.Differences, found = &n, err
	}
	if asJSON(cmd) {
		return errors.Join(writeJSON(cmd.OutOrStdout(), d), found)
	}
	for _, p := range d.Wordings {
		fmt.Fprintln(cmd.OutOrStdout(), p)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "data version %d\n", d.DataVersion)
	if d.Differences != nil {
		fmt.Fprintf(cmd.OutOrStdout(), "cells of outcome that differ from a rebuild: %d\n", *d.Differences)
	}
	return found
}
