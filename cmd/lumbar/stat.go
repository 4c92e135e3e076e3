package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/queries/methods"
)

// statFlags are the parts of a request as they stand on the command line.
type statFlags struct {
	data, roles, params, filter, levels string
	list                                bool
}

// newStatCommand is lumbar stat: one statistic on one table, without an engine.
func newStatCommand() *cobra.Command {
	var f statFlags
	c := &cobra.Command{
		Use:   "stat METHOD",
		Short: "One statistic on one table",
		Long: `Stat runs one method on a CSV file with a header and writes its answer as one JSON object at full
precision. An empty field is missing; rows that miss a value in a column used are left out and
counted. --list names every method with a JSON Schema of its roles, params and answer.`,
		Example: `  lumbar stat t_test_welch --data cohort.csv --roles '{"y":"gain","g":"arm"}' --params '{"level1":"a","level0":"b"}'
  lumbar stat --list --json`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case f.list && len(args) > 0:
				return errors.New("stat: --list takes no method")
			case !f.list && len(args) != 1:
				return errors.New("stat: name one method; --list names them all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return listMethods(cmd.OutOrStdout(), asJSON(cmd))
			}
			return f.run(args[0], cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.data, "data", "", "CSV file with a header, .gz too")
	c.Flags().StringVar(&f.roles, "roles", "", `JSON object from role to column, such as {"y":"gain"}`)
	c.Flags().StringVar(&f.params, "params", "", `JSON object of params, such as {"conf":0.9}`)
	c.Flags().StringVar(&f.filter, "filter", "", `JSON list of conditions, such as [["gain","notnull"],["age","ge",18]]`)
	c.Flags().StringVar(&f.levels, "levels", "", `JSON object from column to its levels in order, such as {"arm":["usual","exercise"]}`)
	c.Flags().BoolVar(&f.list, "list", false, "list the methods")
	return c
}

// run reads the request and writes the answer.
func (f statFlags) run(method string, out io.Writer) error {
	if _, ok := methods.Find(method); !ok {
		return usageError{fmt.Errorf("stat: %q is no known method; --list names them all", method)}
	}
	req, err := f.request()
	if err != nil {
		return err
	}
	answer, err := methods.Run(method, req)
	if err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	return writeJSON(out, answer)
}

func (f statFlags) request() (methods.Request, error) {
	var req methods.Request
	var levels methods.Levels
	for _, part := range []struct {
		flag, raw string
		into      any
	}{{"--roles", f.roles, &req.Roles}, {"--params", f.params, &req.Params}, {"--levels", f.levels, &levels}} {
		if part.raw == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.raw), part.into); err != nil {
			return req, usageError{fmt.Errorf("stat: %s is not the JSON object that it needs: %v", part.flag, err)}
		}
	}
	filter, err := methods.ParseFilter(f.filter)
	if err != nil {
		return req, usageError{fmt.Errorf("stat: --filter: %w", err)}
	}
	if f.data == "" {
		return req, nil
	}
	table, err := methods.ReadTable(f.data, levels)
	if err != nil {
		return req, fmt.Errorf("stat: --data: %w", err)
	}
	if req.Table, err = filter.Apply(table); err != nil {
		return req, fmt.Errorf("stat: %w", err)
	}
	return req, nil
}

// listMethods prints the register: schemas as JSON, or a line a method.
func listMethods(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, methods.List())
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, d := range methods.List() {
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return nil
}
