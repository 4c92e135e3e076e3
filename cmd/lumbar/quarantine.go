package main

import (
	"errors"
	"fmt"
	"maps"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

func newQuarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Refused rows: list them, try them again, discard them",
		Long: `What was refused is kept sealed until someone has looked at it (docs/quarantine.md).
No command shows what stood in a row.`,
	}
	cmd.AddCommand(newQuarantineListCommand(), newQuarantineRetryCommand(), newQuarantineDiscardCommand())
	return cmd
}

func newQuarantineListCommand() *cobra.Command {
	r := quarantineRequest{Do: quarantineList}
	var state, since string
	cmd := &cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short: "List refused rows, those that came last first, and count them by rule",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			known := false
			if r.Filter.State, known = record.QuarantineStates[state]; !known && state != "all" {
				return usageError{fmt.Errorf("--state %q: give held, replayed, discarded or all", state)}
			}
			if r.Filter.Since, err = sinceOf(since); err != nil {
				return usageError{err}
			}
			if r.Limit < 1 || r.Limit > mostListed {
				return usageError{fmt.Errorf("--limit: give 1 to %d", mostListed)}
			}
			answer, err := runQuarantine(cmd, r)
			if err != nil {
				return err
			}
			return printQuarantine(cmd, answer.List)
		},
	}
	cmd.Flags().StringVar(&state, "state", "held", "held, replayed, discarded or all")
	cmd.Flags().StringVar(&r.Filter.Rule, "rule", "", "rows that break this rule")
	cmd.Flags().StringVar(&r.Filter.Format, "format", "", "rows of this format")
	cmd.Flags().StringVar(&since, "since", "", "received at or after a day or moment (2026-04-01, 2026-04-01T09:00:00Z)")
	cmd.Flags().IntVar(&r.Limit, "limit", 100, "so many rows at most")
	return cmd
}

func newQuarantineRetryCommand() *cobra.Command {
	r := quarantineRequest{Do: quarantineRetry}
	var all bool
	var mapping string
	cmd := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Try refused rows again, after what was wrong has been put right",
		Long: `Retry opens refused rows, reads and checks them as if they came now, and stores
those that are accepted; the others stay held, with the reasons for which they are
refused now. It may be repeated and cut short at any moment.

Give the rows' ids, or a rule or format to try all rows of, or --all. --all leaves
out rows that were sent to a route that does not take their kind: the rule
not_accepted_here, or an id, names those.`,
		Example: `  lumbar quarantine retry --rule unknown_version
  lumbar quarantine retry 00c0ffee00c0ffee --dry-run`,
	}
	cmd.Flags().BoolVar(&all, "all", false, "every row that is held")
	cmd.Flags().StringVar(&r.Filter.Rule, "rule", "", "rows that break this rule")
	cmd.Flags().StringVar(&r.Filter.Format, "format", "", "rows of this format")
	cmd.Flags().StringVar(&mapping, "mapping", "", "mapping file of rows that came through one (docs/csv.md)")
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "read, check and score, but change nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		some := r.Filter.Rule != "" || r.Filter.Format != ""
		switch {
		case len(args) == 0 && !some && !all:
			return usageError{errors.New("say which rows: their ids, --rule, --format or --all")}
		case len(args) > 0 && (some || all), some && all:
			return usageError{errors.New("give ids, or --rule and --format, or --all: not several of them")}
		}
		if r.Filter.IDs, err = quarantineIDs(args); err != nil {
			return usageError{err}
		}
		if len(args) == 0 && r.Filter.Rule == "" {
			r.Filter.Without = ingest.RuleNotAcceptedHere
		}
		if r.Mapping, err = readMapping(mapping); err != nil {
			return err
		}
		answer, err := runQuarantine(cmd, r)
		if err != nil {
			return err
		}
		return printRetry(cmd, answer)
	}
	return cmd
}

func newQuarantineDiscardCommand() *cobra.Command {
	r := quarantineRequest{Do: quarantineDiscard}
	cmd := &cobra.Command{
		Use:   "discard ID…",
		Short: "Discard refused rows that will never be right; what stood in them goes",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.Why = strings.TrimSpace(r.Why); r.Why == "" {
				return usageError{errors.New("--why: say why they are discarded; it stands in the audit")}
			}
			if r.Filter.IDs, err = quarantineIDs(args); err != nil {
				return usageError{err}
			}
			answer, err := runQuarantine(cmd, r)
			if err != nil {
				return err
			}
			if asJSON(cmd) {
				err = writeJSON(cmd.OutOrStdout(), answer)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rows discarded\n", answer.Discarded)
			}
			return errors.Join(err, answer.notHeld(cmd))
		},
	}
	cmd.Flags().StringVar(&r.Why, "why", "", "why they are discarded: words about the row, never about the person")
	return cmd
}

// mostListed is the most rows that a list shows.
const mostListed = 100_000

// sinceOf reads a day or a moment.
func sinceOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := record.ParseDate(text); err == nil {
		return day.Time(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, errors.New("--since: give a day as 2026-04-01, or a moment as 2026-04-01T09:00:00Z")
	}
	return at, nil
}

// quarantineIDs reads ids as the list shows them.
func quarantineIDs(args []string) ([]uint64, error) {
	ids := make([]uint64, len(args))
	for i, arg := range args {
		id, err := strconv.ParseUint(arg, 16, 64)
		if err != nil || len(arg) != 16 {
			return nil, errors.New("an id is 16 digits and letters a to f, as quarantine list shows it")
		}
		ids[i] = id
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// runQuarantine asks the owner of the data directory, which may be this process.
func runQuarantine(cmd *cobra.Command, r quarantineRequest) (answer quarantineAnswer, err error) {
	if who, err := user.Current(); err == nil {
		r.Actor = who.Username
	}
	place, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return answer, err
	}
	defer func() { err = errors.Join(err, place.Close(cmd.Context())) }()
	if place.attached != nil {
		return call[quarantineAnswer](cmd.Context(), place.owner(), quarantinePath, r)
	}
	return place.house.quarantine(cmd.Context(), r)
}

// printQuarantine writes a list: a row each, then how many there are.
func printQuarantine(cmd *cobra.Command, list *quarantineListed) error {
	if asJSON(cmd) {
		return writeJSON(cmd.OutOrStdout(), list)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	if len(list.Rows) > 0 {
		fmt.Fprintln(w, "id\treceived\tstate\tformat\tdelivery\tline\treasons\tflags")
	}
	for _, row := range list.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", row.ID, row.ReceivedAt.Format(time.RFC3339), row.State, row.Format, row.Delivery, row.Line,
			reasonsText(row.Reasons), strings.Join(row.Flags, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%d rows", list.Total)
	if list.Total > len(list.Rows) {
		fmt.Fprintf(out, ", of which %d are shown (--limit)", len(list.Rows))
	}
	fmt.Fprintln(out)
	for _, rule := range byCount(list.Rules) {
		fmt.Fprintf(out, "%s: %d\n", rule, list.Rules[rule])
	}
	return nil
}

func reasonsText(reasons []record.Reason) string {
	texts := make([]string, len(reasons))
	for i, why := range reasons {
		texts[i] = why.Field + ": " + why.Rule
	}
	return strings.Join(texts, ", ")
}

// byCount are the rules, the most frequent first.
func byCount(rules map[string]int) []string {
	return slices.SortedFunc(maps.Keys(rules), func(a, b string) int {
		if d := rules[b] - rules[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// printRetry writes what became of rows that were tried again.
func printRetry(cmd *cobra.Command, answer quarantineAnswer) error {
	if asJSON(cmd) {
		if err := writeJSON(cmd.OutOrStdout(), answer); err != nil {
			return err
		}
		return answer.notHeld(cmd)
	}
	out, r := cmd.OutOrStdout(), answer.Retry
	fmt.Fprintf(out, "%d refused rows tried again: %d stored, %d duplicate, %d rejected again, %d not kept, %d unread\n",
		r.Read, r.Stored, r.Duplicate, r.Rejected, r.NotKept, r.Unread)
	for _, rule := range byCount(r.Rules) {
		fmt.Fprintf(out, "rejected for %s: %d\n", rule, r.Rules[rule])
	}
	for i, row := range r.Rows {
		if i == mostRejections {
			fmt.Fprintf(out, "… (--json lists the first %d)\n", len(r.Rows))
			break
		}
		text := row.Advice
		if text == "" {
			text = reasonsText(row.Reasons)
		}
		fmt.Fprintf(out, "%s: %s: %s\n", row.ID, row.Outcome, text)
	}
	if r.DryRun {
		fmt.Fprintln(out, "a dry run: nothing was changed; stored counts what would be taken")
	}
	return answer.notHeld(cmd)
}

// notHeld tells of ids that name no row that is held; the command then fails.
func (a *quarantineAnswer) notHeld(cmd *cobra.Command) error {
	if len(a.NotHeld) == 0 {
		return nil
	}
	for _, id := range a.NotHeld {
		fmt.Fprintf(cmd.ErrOrStderr(), "lumbar: %s: no row of that id is held; quarantine list --state all shows what became of it\n", id)
	}
	return silentError{errors.New("some rows are not held")}
}
