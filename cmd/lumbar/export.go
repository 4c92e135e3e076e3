package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lumbar-health/lumbar/queries/export"
)

func newExportCommand() *cobra.Command {
	var r export.Request
	var format, out, basis string
	cmd := &cobra.Command{
		Use:   "export TABLE",
		Short: "Write a research extract: rows of people, without those who opted out",
		Long: `Write a research extract: rows of people, without those who opted out (docs/reference.md).

The tables are ` + strings.Join(export.Tables(), ", ") + `. Pseudonyms and identifiers are made
with a random key of this extract alone, so that two extracts can not be joined by
them; days stand in place of moments. The list of national data opt-outs must be
loaded and of the last three weeks. Purpose, who asked and how many rows left are
recorded in the audit, the first line of it before the first row.`,
		Example: `  lumbar export outcome --purpose "IRAS 123456: exercise and back pain" --out outcome.parquet
  lumbar export score --programme back-pain --purpose "service evaluation" --format csv`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&r.Purpose, "purpose", "", "what the extract is for; it is recorded")
	cmd.Flags().StringVar(&r.Programme, "programme", "", "only of this programme, and of outcome only its columns (default: all)")
	cmd.Flags().StringVar(&format, "format", "", strings.Join(export.Formats(), ", ")+" (default: by the file's ending, else csv)")
	cmd.Flags().StringVar(&out, "out", "", "the file to write, whole or not at all (default: standard output)")
	cmd.Flags().StringVar(&basis, "opt-out-basis", "", "opt-outs do not apply to this use, because of: "+strings.Join(export.Bases(), ", "))
	cmd.Flags().BoolVar(&r.Undisclosed, "undisclosed", false, "the store's own pseudonyms, moments and the senders' identifiers: for whoever holds the data directory")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Table, r.Basis, r.Actor, r.Role = args[0], export.Basis(basis), whoAsks(), "operator"
		r.Format = exportFormat(format, out, asJSON(cmd))
		if err := r.Check(); err != nil {
			return usageError{fmt.Errorf("export: %w", err)}
		}
		if out == "" && asJSON(cmd) && r.Format != export.JSON {
			return usageError{errors.New("export: --json writes one JSON document: leave --format out, or give --out")}
		}
		if out == "" && isTerminal(cmd.OutOrStdout()) && (r.Format == export.Arrow || r.Format == export.Parquet) {
			return usageError{fmt.Errorf("export: %s is not for a terminal: give --out", r.Format)}
		}
		return runExport(cmd, r, out)
	}
	return cmd
}

// exportFormat is the format asked for, that of a file's ending, or CSV.
func exportFormat(format, out string, json bool) export.Format {
	ending := strings.TrimPrefix(filepath.Ext(out), ".")
	switch {
	case format != "":
		return export.Format(format)
	case slices.Contains(export.Formats(), ending):
		return export.Format(ending)
	case json && out == "":
		return export.JSON
	}
	return export.CSV
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func runExport(cmd *cobra.Command, r export.Request, path string) (err error) {
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	var summary export.Summary
	write := func(w io.Writer) (err error) {
		if place.attached != nil {
			summary, err = place.owner().export(cmd.Context(), r, w)
		} else {
			summary, err = place.house.export(cmd.Context(), r, w)
		}
		return err
	}
	if path == "" {
		out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
		err = write(out)
		err = errors.Join(err, out.Flush())
	} else {
		err = writeWhole(path, write)
	}
	switch {
	case err != nil && cmd.Context().Err() != nil:
		return errors.New("export: broken off; what was written is not whole")
	case err != nil:
		return fmt.Errorf("export: %w", err)
	}
	return printExport(cmd, summary, path)
}

// writeWhole writes a file that only its owner may read, whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name the file to write", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".lumbar-export-*")
	if err != nil {
		return fmt.Errorf("%s can not be written: check the folder and its permissions", path)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	if err := write(out); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(out.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s can not be written: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// printExport says what was written: on standard error where the extract itself
// went to standard output.
func printExport(cmd *cobra.Command, s export.Summary, path string) error {
	if path != "" && asJSON(cmd) {
		return writeJSON(cmd.OutOrStdout(), s)
	}
	to := cmd.ErrOrStderr()
	if path != "" {
		to = cmd.OutOrStdout()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows\n", cmp.Or(path, s.Table), s.Rows)
	for _, n := range s.Notes {
		b.WriteString(n + "\n")
	}
	fmt.Fprintf(&b, "receipt %s\n", s.Receipt)
	_, err := io.WriteString(to, b.String())
	return err
}

// export writes an extract of an owned data directory.
func (h *house) export(ctx context.Context, r export.Request, w io.Writer) (export.Summary, error) {
	x, err := h.exporter.Begin(ctx, r)
	if err != nil {
		return export.Summary{}, err
	}
	defer x.Close()
	err = x.Write(ctx, w)
	return x.Summary, err
}
