package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/csvfile"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/ingest/nhsproms"
	"github.com/lumbar-health/lumbar/ingest/parquet"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// importTarget stores files: the pipeline of the process that owns the data
// directory, or a client of that process.
type importTarget interface {
	Import(ctx context.Context, path string, o ingest.ImportOptions, progress func(ingest.Progress)) (ingest.Report, error)
}

// importResult is what the command says of all its files.
type importResult struct {
	ingest.Report
	Files []ingest.Report `json:"files"`
	Error string          `json:"error,omitempty"`
}

func newImportCommand(open func(cmd *cobra.Command) (importTarget, func() error, error)) *cobra.Command {
	var o ingest.ImportOptions
	var strict bool
	var mapping string
	cmd := &cobra.Command{
		Use:   "import PATH…",
		Short: "Import files, or every file of a folder but truth.json",
		Long: `Import files, or every file of a folder but truth.json.

The format is found from the content where it is not given; gzip and zstd are
unpacked. The report reconciles: read = stored + duplicate + rejected, counting
records. The exit code is 0 when all was read to the end, even where records were
rejected (--strict: 1).`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&o.Format, "format", "", "format of the files (default: found from their content)")
	cmd.Flags().StringVar(&mapping, "mapping", "", "file that says what the columns of CSV files mean (docs/csv.md)")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "read, check and score, but store nothing")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 1 where a record was rejected")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		spareMemory()
		if err := ingest.CheckFormat(importFormats(), o.Format); err != nil {
			return usageError{err}
		}
		if o.Mapping, err = readMapping(mapping); err != nil {
			return err
		}
		paths, err := importPaths(args)
		if err != nil {
			return err
		}
		target, closeTarget, err := open(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeTarget()) }()
		result, err := importFiles(cmd, target, paths, o)
		if err != nil {
			result.Error = oneLine(err)
		}
		if e := printImport(cmd, &result); e != nil {
			return e
		}
		if err == nil && strict && result.Rejected > 0 {
			return silentError{errors.New("records were rejected")}
		}
		return err
	}
	return cmd
}

// spareMemory lets the collector run at half as much garbage again as there is
// in use. What an import holds are large pieces without pointers: ten million
// rows took a sixth less memory and no more time. Who sets GOGC knows better.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// readMapping reads and checks a mapping file, where there is one.
func readMapping(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s can not be opened: check the path and its permissions", path)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, ingest.MaxMapping+1))
	if err != nil {
		return nil, fmt.Errorf("%s can not be read: %w", path, err)
	}
	if err := csvfile.Check(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// importFormats are the formats of files.
func importFormats() []ingest.Format {
	return []ingest.Format{nhsproms.Format(), arrowfile.Format(), fhir.Format(), wire.Format(), parquet.Format(), csvfile.Format()}
}

// importPaths are the files to read, folders resolved, in order.
func importPaths(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("%s can not be opened: check the path and its permissions", arg)
		}
		if !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		before := len(paths)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && d.Name() != "truth.json" && !strings.HasPrefix(d.Name(), ".") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s can not be read: check its permissions", arg)
		}
		if len(paths) == before {
			return nil, fmt.Errorf("%s has no file to import: give a folder with record files", arg)
		}
		slices.Sort(paths[before:])
	}
	return paths, nil
}

// importFiles reads one file after the other and stops at the first that can
// not be read; what was stored before it stays.
func importFiles(cmd *cobra.Command, target importTarget, paths []string, o ingest.ImportOptions) (importResult, error) {
	result := importResult{Report: ingest.Report{DryRun: o.DryRun}, Files: []ingest.Report{}}
	for _, path := range paths {
		progress, finish := progressOn(cmd.ErrOrStderr(), filepath.Base(path))
		report, err := target.Import(cmd.Context(), path, o, progress)
		finish()
		result.Add(report)
		result.Files = append(result.Files, report)
		if err != nil {
			return result, adviseOnSpace(err)
		}
	}
	return result, nil
}

// adviseOnSpace adds what to do where the engine has said that its disk is full.
// Its words are all there is: the error may have come from another process.
func adviseOnSpace(err error) error {
	if text := err.Error(); strings.Contains(text, "not enough space") || strings.Contains(text, "No space left on device") {
		return fmt.Errorf("the disk is full: free some space where the data directory is and import the same again, what is stored will be recognised: %w", err)
	}
	return err
}

// progressOn draws a bar where errs is a terminal.
func progressOn(errs io.Writer, name string) (progress func(ingest.Progress), finish func()) {
	f, ok := errs.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	return func(p ingest.Progress) {
		if p.Size > 0 && bar.GetMax64() != p.Size {
			bar.ChangeMax64(p.Size)
		}
		_ = bar.Set64(p.Bytes) // a bar that can not be drawn is no reason to stop
	}, func() { _ = bar.Finish() }
}

// mostRejections is how many rejected records the report shows one by one.
const mostRejections = 20

// ruleAdvice is what to do about rules whose names do not say it.
var ruleAdvice = map[string]string{
	ingest.RuleEncoding: " (not UTF-8: save the file as UTF-8, or declare its encoding in a mapping)",
	ingest.RuleColumns:  " (more or fewer cells than the header has)",
}

// printImport writes the report: a line a file, the sum, and why records were
// rejected.
func printImport(cmd *cobra.Command, result *importResult) error {
	if asJSON(cmd) {
		return writeJSON(cmd.OutOrStdout(), result)
	}
	var b strings.Builder
	for _, r := range result.Files {
		writeCounts(&b, r.Source+" ("+cmp.Or(r.Format, "not read")+")", &r)
	}
	if len(result.Files) > 1 {
		writeCounts(&b, "all files", &result.Report)
	}
	if result.ScoreMismatch > 0 {
		fmt.Fprintf(&b, "%d responses came with another score than ours; ours is stored\n", result.ScoreMismatch)
	}
	for _, rule := range result.RuleNames() {
		fmt.Fprintf(&b, "rejected for %s: %d%s\n", rule, result.Rules[rule], ruleAdvice[rule])
	}
	for i, row := range result.Rejections {
		if i == mostRejections {
			fmt.Fprintf(&b, "… (--json lists the first %d)\n", len(result.Rejections))
			break
		}
		fmt.Fprintln(&b, row.Error())
	}
	if result.DryRun {
		b.WriteString("a dry run: nothing was stored\n")
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

func writeCounts(b *strings.Builder, name string, r *ingest.Report) {
	fmt.Fprintf(b, "%s: %d read, %d stored, %d duplicate, %d rejected\n", name, r.Read, r.Stored, r.Duplicate, r.Rejected)
}
