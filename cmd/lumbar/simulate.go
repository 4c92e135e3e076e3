package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/simulate"
)

// newSimulateCommand is lumbar simulate: a programme of known truth as import
// files, without an engine.
func newSimulateCommand() *cobra.Command {
	o := simulate.Options{}
	var out, format string
	c := &cobra.Command{
		Use:   "simulate --patients N --out DIR",
		Short: "Write a programme of known truth as import files",
		Long: `Simulate invents a back-pain programme and writes it into a folder: responses and episodes in the
format, as many hip and knee records together in the shape of the NHS PROMs files, and truth.json, which says
what an analysis of them should find. "lumbar import DIR" reads every file but truth.json. Equal
flags write equal files. Every person, code and name is invented.`,
		Example: `  lumbar simulate --patients 2000 --seed 1 --out simulated
  lumbar import simulated`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Format = simulate.Format(format)
			switch {
			case out == "":
				return usageError{errors.New("simulate: say where to write with --out DIR")}
			case !isSet(cmd, "patients"):
				return usageError{errors.New("simulate: say how many with --patients N")}
			case !slices.Contains(simulate.Formats(), o.Format):
				return usageError{fmt.Errorf("simulate: format %q: give one of %v", format, simulate.Formats())}
			}
			if _, err := simulate.New(o); err != nil {
				return usageError{err}
			}
			truth, err := simulate.Write(cmd.Context(), out, o)
			if err != nil {
				return err
			}
			if asJSON(cmd) {
				return writeJSON(cmd.OutOrStdout(), simulated{out, simulate.Files(o.Format), truth})
			}
			records := int64(0)
			for _, r := range truth.Records {
				records += r.Records
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d episodes, %d responses in %d rows and %d hip and knee records in %s\n",
				truth.Episodes, truth.Responses.Responses, truth.Responses.Rows, records, out)
			return err
		},
	}
	c.Flags().IntVar(&o.Patients, "patients", 0, "how many people are referred with back pain, and how many hips and knees")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "another seed is another world")
	c.Flags().StringVar(&out, "out", "", "the folder to write into, made where it is absent")
	c.Flags().StringVar(&format, "format", string(simulate.Arrow), fmt.Sprintf("of responses and episodes: one of %v; import reads arrow, parquet is for other programs", simulate.Formats()))
	return c
}

// simulated is what simulate --json prints.
type simulated struct {
	Out   string         `json:"out"`
	Files []string       `json:"files"`
	Truth simulate.Truth `json:"truth"`
}
