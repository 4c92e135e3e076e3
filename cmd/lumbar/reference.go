package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/record"
)

// Lists of reference data, as the command calls them.
const (
	listOrganisations = "organisations"
	listIMD           = "imd"
	listOptOut        = "opt-out"
)

func newReferenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reference",
		Short: "Reference data: organisations, deprivation, opt-outs",
	}
	cmd.AddCommand(newReferenceImportCommand())
	return cmd
}

func newReferenceImportCommand() *cobra.Command {
	var r referenceRequest
	var received string
	lists := []string{listOrganisations, listIMD, listOptOut}
	cmd := &cobra.Command{
		Use:   "import organisations|imd|opt-out FILE",
		Short: "Load a list of reference data, as a whole or not at all",
		Long: `Load a list of reference data, as a whole or not at all (docs/reference.md).

organisations   CSV with code, kind, name, and parent, successor, valid_from, valid_to;
                a row replaces that of the same code and first day, others stay
imd             CSV of an edition of the English indices of deprivation, by LSOA
opt-out         NHS numbers of people who opted out of the use of their data beyond
                their own care, one a line: all of them, for it replaces the former list

A list with a line that can not be right is refused, with the lines. gzip and zstd
are unpacked.`,
		Example: `  lumbar reference import organisations boards.csv
  lumbar reference import imd imd2025.csv.gz
  lumbar reference import opt-out --received 2026-04-01 opt-outs.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || !slices.Contains(lists, args[0]) {
				return fmt.Errorf("give one of %s, and a file", strings.Join(lists, ", "))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "read, check and compare, but store nothing")
	cmd.Flags().BoolVar(&r.Replace, "replace", false, "organisations: the file is the whole list, and what it does not name goes")
	cmd.Flags().StringVar(&received, "received", "", "the day on which the list was received (default: now)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		r.List = args[0]
		if r.Replace && r.List != listOrganisations {
			return usageError{errors.New("--replace is for organisations: every other list replaces the former one")}
		}
		if r.ReceivedAt, err = receivedAt(received, time.Now()); err != nil {
			return usageError{err}
		}
		return runReference(cmd, r, args[1])
	}
	return cmd
}

// receivedAt is the last moment of a day, or now where that day is not over.
func receivedAt(day string, now time.Time) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	d, err := record.ParseDate(day)
	if err != nil {
		return time.Time{}, errors.New("--received: write the day as 2026-04-01")
	}
	end := (d + 1).Time().Add(-time.Millisecond)
	if end.After(now) && d <= record.DateOf(now) {
		return now, nil
	}
	return end, nil
}

func runReference(cmd *cobra.Command, r referenceRequest, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s can not be opened: check the path and its permissions", path)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return fmt.Errorf("%s is no file: give the list itself", path)
	}
	r.Source = filepath.Base(path)
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	var answer referenceAnswer
	if place.attached != nil {
		answer, err = place.owner().reference(cmd.Context(), r, f)
	} else {
		answer, err = place.house.reference(cmd.Context(), r, f)
	}
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	return printReference(cmd, r, answer)
}

// printReference writes what was loaded, or the lines for which nothing was.
func printReference(cmd *cobra.Command, r referenceRequest, a referenceAnswer) error {
	if asJSON(cmd) {
		if err := writeJSON(cmd.OutOrStdout(), a); err != nil {
			return err
		}
		if a.Refused > 0 {
			return silentError{errors.New("the list was refused")}
		}
		return nil
	}
	if a.Refused > 0 {
		for _, l := range a.Problems {
			fmt.Fprintln(cmd.ErrOrStderr(), l.Error())
		}
		if more := a.Refused - len(a.Problems); more > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "… and %d more\n", more)
		}
		return fmt.Errorf("reference: %s is refused for %d lines: correct them; nothing of it was stored", r.Source, a.Refused)
	}
	var b strings.Builder
	l := a.Loaded
	name := r.List
	if l.Edition != "" {
		name += " " + l.Edition
	}
	fmt.Fprintf(&b, "%s: %d rows, %d added, %d changed, %d removed; received on %s\n", name, l.Rows, l.Added, l.Changed, l.Removed, l.ReceivedAt.Format(time.DateOnly))
	if l.Matched != nil {
		fmt.Fprintf(&b, "%d of the %d people here are on the list\n", *l.Matched, *l.People)
		if *l.Matched == 0 && *l.People > 0 && l.Rows > 0 {
			b.WriteString("nobody: people who came under pseudonyms of another key than ours can not be found by their NHS numbers\n")
		}
	}
	if n := a.Kinds[record.KindUnknown.String()]; n > 0 {
		fmt.Fprintf(&b, "%d organisations of the file have no kind\n", n)
	}
	if l.DryRun {
		b.WriteString("a dry run: nothing was stored\n")
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}
