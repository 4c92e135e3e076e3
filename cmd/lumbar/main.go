package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/store/engine"
)

// version is set by the linker for a release.
var version = ""

func main() {
	engine.MaybeRunChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a mistake in how a command was called: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// silentError ends a command with exit code 1 after it has said all there is.
type silentError struct{ err error }

func (e silentError) Error() string { return e.err.Error() }

// run is the program but for its process: 0 ok, 1 failed, 2 usage.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	// Before the commands are made: their flags and lists name instruments.
	configured := useInstruments(configFlag(args))
	root := newRootCommand()
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == "version" {
			return nil
		}
		return configured
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var silent silentError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return 1
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintf(errs, "lumbar: %v\n", oneLine(err))
		return 2
	default:
		fmt.Fprintf(errs, "lumbar: %v\n", oneLine(err))
		return 1
	}
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "lumbar",
		Short:         "Analytics of patient-reported outcomes of back-pain care",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().Bool("json", false, "print one JSON document on stdout")
	root.PersistentFlags().String("config", "", "configuration file (default: lumbar.yaml where it exists)")
	root.PersistentFlags().String("data", "", "data directory (LUMBAR_DATA)")
	root.AddCommand(
		newServeCommand(), newDemoCommand(), newImportCommand(openTarget), newAskCommand(openDesk), newStudyCommand(),
		newScoreCommand(), newRescoreCommand(), newStatCommand(), newConformCommand(), newSimulateCommand(),
		newQuarantineCommand(), newReferenceCommand(), newExportCommand(), newEngineCommand(), newDoctorCommand(), newVersionCommand(),
	)
	for _, c := range root.Commands() {
		asUsage(c)
	}
	return root
}

// asUsage makes a wrong number of arguments a usage error, in every command, and
// a group called by itself.
func asUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.RunE = func(_ *cobra.Command, args []string) error { return chooseOne(c, args) }
	}
	for _, sub := range c.Commands() {
		asUsage(sub)
	}
}

// chooseOne refuses a group of commands that was called by itself.
func chooseOne(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s has no command %q: give one of %s", c.CommandPath(), args[0], strings.Join(names, ", "))}
	}
	return usageError{fmt.Errorf("%s: give one of %s", c.CommandPath(), strings.Join(names, ", "))}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON(cmd) {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"version": codeVersion()})
			}
			fmt.Fprintln(cmd.OutOrStdout(), codeVersion())
			return nil
		},
	}
}

// codeVersion is what receipts carry: the release, else the commit built.
func codeVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "development"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if revision == "" {
		return "development"
	}
	return revision + dirty
}
