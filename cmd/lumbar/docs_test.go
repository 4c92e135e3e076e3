package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

const repository = "../.."

var shownCommand = regexp.MustCompile("(?m)`lumbar ([^`]+)`|^(?:bin/)?lumbar (.+)$")

// TestDocumentsShowRealCommands holds that every command line that our documents
// show is one: its subcommand is there, takes its flags and so many arguments.
func TestDocumentsShowRealCommands(t *testing.T) {
	shown := map[string]string{}
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range shownCommand.FindAllStringSubmatch(string(text), -1) {
			shown[m[1]+m[2]] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(shown) < 12 || shown["serve"] == "" {
		t.Fatalf("the documents show %d commands", len(shown))
	}
	for _, line := range slices.Sorted(maps.Keys(shown)) {
		words := strings.Fields(strings.NewReplacer("PATH…", "a.csv", "QUESTION", "outcomes", "METHOD", "describe", " N ", " 10 ").Replace(line))
		root := newRootCommand()
		cmd, rest, err := root.Find(words)
		if err == nil && cmd == root {
			err = fmt.Errorf("no such command")
		}
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		// A name alone speaks of the command; a line with more must be whole.
		if err == nil && len(rest) > 0 && cmd.Args != nil && cmd.Runnable() {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s shows %q: %v", shown[line], "lumbar "+line, err)
		}
		if r := runWith(t, "", append(strings.Split(cmd.CommandPath(), " ")[1:], "--help")...); r.code != 0 || !strings.Contains(r.out, "Usage:") {
			t.Errorf("%s --help: exit %d, %s", cmd.CommandPath(), r.code, r.err)
		}
	}
}

// TestExampleListsEveryKey holds that the example configuration has every key
// with its default.
func TestExampleListsEveryKey(t *testing.T) {
	k := koanf.New(".")
	if err := k.Load(file.Provider(filepath.Join(repository, "lumbar.example.yaml")), yamlParser{}); err != nil {
		t.Fatal(err)
	}
	for key, value := range settings {
		if !k.Exists(key) || fmt.Sprint(k.Get(key)) != fmt.Sprint(value) {
			t.Errorf("lumbar.example.yaml: %s: %v, the default is %v", key, k.Get(key), value)
		}
	}
	if len(k.Keys()) != len(settings) {
		t.Errorf("lumbar.example.yaml has the keys %v", k.Keys())
	}
}
