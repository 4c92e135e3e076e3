package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/study"
	"github.com/lumbar-health/lumbar/store/read"
)

func newStudyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "study", Short: "Run a target-trial protocol"}
	run := &cobra.Command{
		Use: "run STUDY.yaml", Args: cobra.ExactArgs(1),
		Short: "Answer a protocol from a file or from the programme's data",
		RunE:  runStudyCommand,
	}
	run.Flags().Bool("undisclosed", false, "full precision without suppression: for whoever holds the data directory")
	run.Flags().String("out", "", "folder to write the report to")
	cmd.AddCommand(run)
	return cmd
}

func runStudyCommand(cmd *cobra.Command, args []string) error {
	p, err := study.Load(args[0])
	if err != nil {
		return err
	}
	undisclosed, err := cmd.Flags().GetBool("undisclosed")
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if p.Data.File != "" {
		a, err := study.RunFile(cmd.Context(), p, codeVersion())
		if err != nil {
			return err
		}
		if answer, err = json.Marshal(a); err != nil {
			return err
		}
	} else if answer, err = studyOnStore(cmd, p, args[0], undisclosed); err != nil {
		return err
	}
	if dir, _ := cmd.Flags().GetString("out"); dir != "" {
		if err := writeReport(dir, answer); err != nil {
			return err
		}
	}
	if asJSON(cmd) {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
		return err
	}
	return printStudy(cmd.OutOrStdout(), answer)
}

func studyOnStore(cmd *cobra.Command, p *study.Protocol, path string, undisclosed bool) (answer json.RawMessage, err error) {
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	if place.attached != nil {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return call[json.RawMessage](cmd.Context(), place.owner(), studyPath, studyRequest{Protocol: string(text), Undisclosed: undisclosed})
	}
	a, err := place.house.runStudy(cmd.Context(), p, undisclosed)
	if err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// runStudy answers a protocol from the store and keeps its receipt.
func (h *house) runStudy(ctx context.Context, p *study.Protocol, undisclosed bool) (*study.Answer, error) {
	of := programme.Default()
	if id := p.Data.Programme; id != "" {
		var ok bool
		if of, ok = programme.Lookup(id); !ok {
			return nil, fmt.Errorf("study: data.programme: there is no programme %q", id)
		}
	}
	rule := disclosure.Rule
	if undisclosed {
		rule = disclosure.NoRule
	}
	for try := 1; ; try++ {
		before, err := h.store.Reader().DataVersion(ctx)
		if err != nil {
			return nil, err
		}
		a, exact, err := study.RunStore(ctx, p, h.store.Reader(), of, undisclosed)
		if err != nil {
			return nil, err
		}
		after, err := h.store.Reader().DataVersion(ctx)
		if err != nil {
			return nil, err
		}
		if after != before && try < attempts {
			continue // data landed meanwhile: ask of one version
		}
		receipt, err := p.Receipt(before, a, rule, exact, codeVersion(), time.Now())
		if err != nil {
			return nil, err
		}
		if _, err := h.store.Reader().Receipt(ctx, receipt.ID); err == nil {
			return a, nil // this very answer has been given
		} else if !errors.Is(err, read.ErrNoReceipt) {
			return nil, err
		}
		return a, h.store.Writer().AppendReceipt(ctx, receipt)
	}
}

// attempts is how often a study is run again because data landed meanwhile.
const attempts = 3

// writeReport keeps the answer as a document and as text.
func writeReport(dir string, answer json.RawMessage) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "study.json"), append(answer, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	f, err := os.Create(filepath.Join(dir, "study.txt"))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return errors.Join(printStudy(f, answer), f.Close())
}

// printed is a study's answer as it is shown.
type printed struct {
	Study, Receipt                      string
	Attrition, Arms, Estimates, Balance []map[string]any
	Warnings                            []string
}

func printStudy(w io.Writer, answer json.RawMessage) error {
	var p printed
	if err := json.Unmarshal(answer, &p); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s\n\n", p.Study)
	for _, t := range []struct {
		title   string
		columns []string
		rows    []map[string]any
	}{
		{"People", []string{"step", "n"}, p.Attrition},
		{"Arms", []string{"arm", "n", "mean_baseline", "mean_follow_up", "std_dev"}, p.Arms},
		{"Estimates (treated − control, on the outcome's scale)", []string{"method", "estimand", "delta", "estimate", "std_err", "lower", "upper", "p_value", "n", "ess"}, p.Estimates},
		{"Balance", []string{"term", "smd_before", "smd_after"}, p.Balance},
	} {
		t.columns = slices.DeleteFunc(t.columns, func(c string) bool { return optional[c] && !anyHas(t.rows, c) })
		fmt.Fprintln(out, t.title)
		for i, c := range t.columns {
			fmt.Fprint(out, c, sep(i, t.columns))
		}
		for _, row := range t.rows {
			for i, c := range t.columns {
				fmt.Fprint(out, shownCell(row, c), sep(i, t.columns))
			}
		}
		fmt.Fprintln(out)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintln(out, warning)
	}
	fmt.Fprintln(out, "receipt", p.Receipt)
	return out.Flush()
}

// optional are the columns that are left out where no row has them.
var optional = map[string]bool{"delta": true, "smd_after": true, "mean_baseline": true}

func anyHas(rows []map[string]any, column string) bool {
	return slices.ContainsFunc(rows, func(row map[string]any) bool { return row[column] != nil })
}

func sep(i int, columns []string) string {
	if i == len(columns)-1 {
		return "\n"
	}
	return "\t"
}

// shownCell writes a value as a person reads it: * where it is withheld.
func shownCell(row map[string]any, column string) string {
	switch v := row[column].(type) {
	case nil:
		if list, ok := row["suppressed"].([]any); ok {
			for _, name := range list {
				if name == column {
					return "*"
				}
			}
		}
		return "–"
	case float64:
		if v == math.Trunc(v) {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return strconv.FormatFloat(v, 'g', 4, 64)
	default:
		return fmt.Sprint(v)
	}
}
