package main

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// listening notes the question and gives one answer.
type listening struct {
	asked  queries.Question
	closed bool
}

func (l *listening) Ask(_ context.Context, q queries.Question) (*queries.Answer, error) {
	l.asked = q
	return &queries.Answer{
		Columns: []disclosure.Column{{Name: "sex", Kind: disclosure.KindDimension}, {Name: "n_eligible", Kind: disclosure.KindCount}, {Name: "mean_gain", Kind: disclosure.KindMean}},
		Rows: []disclosure.Row{
			{Values: []any{"female", int64(1205), 12.5}},
			{Values: []any{"male", nil, nil}, Suppressed: []string{"n_eligible"}},
		},
		Notes: []string{"A note."}, Receipt: "abc",
	}, nil
}

func runAsk(l *listening, args ...string) (string, error) {
	cmd := newAskCommand(func(*cobra.Command) (asker, func() error, error) {
		return l, func() error { l.closed = true; return nil }, nil
	})
	cmd.PersistentFlags().Bool("json", false, "")
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

func TestAskPassesItsFlagsAsParameters(t *testing.T) {
	var l listening
	if _, err := runAsk(&l, "funnel", "--by", "region,sex", "--instrument=odi", "--overdispersed", "--undisclosed"); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"by": {"region", "sex"}, "instrument": {"odi"}, "overdispersed": {"true"}}
	if l.asked.Name != "funnel" || !reflect.DeepEqual(l.asked.Params, want) || !l.asked.Undisclosed || !l.closed {
		t.Errorf("asked %+v, closed %v, want %v undisclosed, closed", l.asked, l.closed, want)
	}
}

func TestAskPrintsATable(t *testing.T) {
	var l listening
	out, err := runAsk(&l, "outcomes", "--by", "sex")
	if err != nil {
		t.Fatal(err)
	}
	want := "sex     n_eligible  mean_gain\nfemale        1205       12.5\nmale             *          -\n\nA note.\n\nreceipt abc\n"
	if out != want {
		t.Errorf("printed\n%s\nwant\n%s", out, want)
	}
}

func TestAskPrintsJSON(t *testing.T) {
	var l listening
	out, err := runAsk(&l, "outcomes", "--json")
	if err != nil || !strings.HasPrefix(out, `{"rows":[{"sex":"female","n_eligible":1205,"mean_gain":12.5},{"sex":"male","n_eligible":null`) {
		t.Errorf("printed %s, %v", out, err)
	}
}

func TestAskRefusesBeforeItOpensTheData(t *testing.T) {
	for _, args := range [][]string{{}, {"weather"}, {"outcomes", "--by", "colour"}, {"compare", "--interventions", "cppp"}} {
		var l listening
		_, err := runAsk(&l, args...)
		var usage usageError
		if err == nil || l.closed || len(args) != 1 && !errors.As(err, &usage) {
			t.Errorf("ask %v: %v, want a usage error before the data are opened", args, err)
		}
	}
}
