package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

func newRescoreCommand() *cobra.Command {
	var r rescoreRequest
	var instrument string
	cmd := &cobra.Command{
		Use: "rescore [--instrument ID]", Args: cobra.NoArgs,
		Short: "Score stored responses again, and make the new scores current",
		Long: `Rescore gives every stored response the scores of an algorithm, beside those it has, and then
makes that algorithm current: outcome is filled anew under it, and every question follows at one
moment. The answers themselves are not touched, and the old scores stay. It goes on where it was cut
short, and a repetition writes nothing. Without --instrument it lists what is current, and which
algorithm the definitions would switch to.`,
		Example: `  lumbar rescore
  lumbar rescore --instrument odi
  lumbar rescore --instrument eq5d5l --value-set eng5l_devlin2018`,
	}
	cmd.Flags().StringVar(&instrument, "instrument", "", "the questionnaire")
	cmd.Flags().StringVar(&r.Algorithm, "algorithm", "", "what becomes current (default: the algorithm of the definition)")
	cmd.Flags().StringVar(&r.ValueSet, "value-set", "", "which index stands for the instrument (default: as it is)")
	cmd.Flags().StringVar(&r.Programme, "programme", "", "of one programme only (default: all that have the instrument)")
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "read and score, but write nothing")
	cmd.Flags().BoolVar(&r.List, "list", false, "list what is current")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r.Instrument = instruments.ID(instrument)
		r.Registry = instruments.RegistryVersion()
		if instrument == "" && isSet(cmd, "algorithm", "value-set", "dry-run") {
			return usageError{errors.New("rescore: say which questionnaire with --instrument")}
		}
		r.List = r.List || instrument == ""
		if !r.List {
			if err := checkRescore(r.Request); err != nil {
				return err
			}
		}
		return runRescore(cmd, r)
	}
	return cmd
}

// checkRescore finds what is wrong with a request before any data are opened.
func checkRescore(r schema.Request) error {
	c, err := schema.NewCatalogue(programme.All())
	if err != nil {
		return err
	}
	var wrong *schema.RequestError
	if _, err := c.Plan(r); errors.As(err, &wrong) && !wrong.OfState {
		return usageError{fmt.Errorf("rescore: %w", err)}
	}
	return nil
}

// rescoreRequest is what a command asks the owner of the data directory for.
type rescoreRequest struct {
	schema.Request
	DryRun bool `json:"dry_run"`
	List   bool `json:"list"`
	// Registry is the version of the asker's definitions.
	Registry string `json:"registry"`
}

// rescoreAnswer is the end of a re-score, or a list.
type rescoreAnswer struct {
	Report *write.Rescored  `json:"report,omitempty"`
	List   []schema.Current `json:"list,omitempty"`
}

func runRescore(cmd *cobra.Command, r rescoreRequest) (err error) {
	// What is current need not be known to the program: to change it is the point.
	place, err := openPlace(cmd.Context(), cmd, func(c *store.Config) { c.Rescoring = true })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	progress, finish := rescoreProgressOn(cmd.ErrOrStderr())
	var answer rescoreAnswer
	if place.attached != nil {
		answer, err = place.owner().rescore(cmd.Context(), r, progress)
	} else {
		answer, err = place.house.rescore(cmd.Context(), r, progress)
	}
	finish()
	switch {
	case err != nil && cmd.Context().Err() != nil:
		return errors.New("rescore: cut short; the same command goes on where it was")
	case err != nil:
		return fmt.Errorf("rescore: %w", err)
	}
	if answer.Report == nil {
		return printCurrent(cmd, answer.List)
	}
	return printRescored(cmd, answer.Report)
}

// rescore does what a command asks for.
func (h *house) rescore(ctx context.Context, r rescoreRequest, progress func(write.RescoreProgress)) (rescoreAnswer, error) {
	if r.Registry != instruments.RegistryVersion() {
		return rescoreAnswer{}, errors.New("the process that owns the data directory has other definitions than this command: restart it with the same instruments.definitions_dir and instruments.dsu_dir")
	}
	if r.List {
		list, err := h.store.Writer().Current(ctx, r.Instrument)
		return rescoreAnswer{List: slices.DeleteFunc(list, func(c schema.Current) bool { return r.Programme != "" && c.Programme != r.Programme })}, err
	}
	var scorer *ingest.Rescorer
	report, err := h.store.Writer().Rescore(ctx, r.Request, write.RescoreOptions{
		DryRun: r.DryRun, Progress: progress,
		Scorer: func(targets []*instruments.Score) write.Scorer {
			scorer = ingest.NewRescorer(targets, nil)
			return storeScorer{scorer}
		},
	})
	if scorer != nil {
		scorer.Release()
	}
	return rescoreAnswer{Report: &report}, err
}

// storeScorer lets ingest's rescorer score for the store: the rooms may not
// import each other.
type storeScorer struct{ *ingest.Rescorer }

// Add scores one response.
func (s storeScorer) Add(v *write.StoredResponse) (rows int, ok bool) {
	return s.Rescorer.Add(&v.Response, v.Final, v.Missing)
}

// rescoreProgressOn draws a bar a phase where errs is a terminal, and writes a
// line a tenth where it is not.
func rescoreProgressOn(errs io.Writer) (progress func(write.RescoreProgress), finish func()) {
	if f, ok := errs.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return rescoreBar(f)
	}
	phase, tenth := "", int64(-1)
	return func(p write.RescoreProgress) {
		now := 10 * p.Done / max(p.Total, 1)
		if p.Phase == phase && now == tenth {
			return
		}
		phase, tenth = p.Phase, now
		fmt.Fprintf(errs, "rescore: %s, %d of %d\n", p.Phase, p.Done, p.Total)
	}, func() {}
}

func rescoreBar(f *os.File) (progress func(write.RescoreProgress), finish func()) {
	var bar *progressbar.ProgressBar
	phase := ""
	finish = func() {
		if bar != nil {
			_ = bar.Finish() // a bar that can not be drawn is no reason to stop
		}
	}
	return func(p write.RescoreProgress) {
		if p.Phase != phase {
			finish()
			phase = p.Phase
			bar = progressbar.NewOptions64(max(p.Total, 1), progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(phase),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
		}
		_ = bar.Set64(p.Done)
	}, finish
}

// printRescored writes the report of a re-score.
func printRescored(cmd *cobra.Command, r *write.Rescored) error {
	if asJSON(cmd) {
		return writeJSON(cmd.OutOrStdout(), r)
	}
	var b strings.Builder
	does := "written"
	if r.DryRun {
		does = "to be written"
	}
	fmt.Fprintf(&b, "%s in %s: %d responses, %d scores %s, %d episodes derived\n", r.Instrument, strings.Join(r.Programmes, ", "), r.Responses, r.Scores, does, r.Episodes)
	if r.Resumed {
		b.WriteString("an earlier run was continued where it had been cut short\n")
	}
	if r.Refused > 0 {
		fmt.Fprintf(&b, "%d responses can not be scored: their version of the questionnaire is not among the definitions, or refuses their answers\n", r.Refused)
	}
	rows := r.Current
	if r.DryRun {
		rows = r.Next
		b.WriteString("a dry run: nothing was written; current would be\n")
	}
	for _, c := range rows {
		fmt.Fprintf(&b, "%s %s: algorithm %s%s\n", c.Programme, c.Score, c.Algorithm, valueSetText(c.ValueSet))
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

func valueSetText(valueSet string) string {
	if valueSet == "" {
		return ""
	}
	return ", value set " + valueSet
}

// printCurrent writes what is current.
func printCurrent(cmd *cobra.Command, list []schema.Current) error {
	if asJSON(cmd) {
		return writeJSON(cmd.OutOrStdout(), map[string]any{"rows": list})
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "programme\tinstrument\tscore\talgorithm\tvalue set\trescore would")
	for _, c := range list {
		would := "-"
		switch {
		case c.Program != c.Algorithm:
			would = "switch to " + c.Program
		case c.Missing:
			would = "add scores of responses stored before"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Programme, c.Instrument, c.Score, c.Algorithm, cmp.Or(c.ValueSet, "-"), would)
	}
	return w.Flush()
}
