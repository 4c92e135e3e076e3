package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStatCommand(t *testing.T) {
	dir := t.TempDir()
	plain, zipped := filepath.Join(dir, "d.csv"), filepath.Join(dir, "d.csv.gz")
	text := "gain,arm\n1,usual\n2,usual\n4,usual\n7,exercise\n9,exercise\n,exercise\n"
	if err := os.WriteFile(plain, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(zipped, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	roles, params := `{"y":"gain","g":"arm"}`, `{"level1":"exercise","level0":"usual"}`
	for _, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"stat", "t_test_welch", "--data", plain, "--roles", roles, "--params", params}, 0, `"n1":2,"n0":3,"mean1":8`, ""},
		{[]string{"stat", "--data", zipped, "--roles", roles, "--params", params, "t_test_welch"}, 0, `"rows_left_out":1`, ""},
		{[]string{"stat", "describe", "--data", plain, "--roles", roles, "--filter", `[["gain","notnull"],["gain","lt",8]]`}, 0, `"n":4`, ""},
		{[]string{"stat", "ols", "--data", plain, "--params", `{"formula":"gain ~ arm"}`, "--levels", `{"arm":["usual","exercise"]}`}, 0, `"armexercise":5.66`, ""},
		{[]string{"stat", "--list"}, 0, `"method":"t_test_welch"`, ""},
		{[]string{"stat", "--list", "--json"}, 0, `[{"method":"aalen_johansen"`, ""},
		{[]string{"stat"}, 2, "", "name one method"},
		{[]string{"stat", "divine"}, 2, "", "no known method"},
		{[]string{"stat", "--list", "describe"}, 2, "", "takes no method"},
		{[]string{"stat", "describe", "--data", plain, "--roles", "{"}, 2, "", "--roles"},
		{[]string{"stat", "describe", "--data", plain, "--roles", roles, "--filter", "{"}, 2, "", "--filter"},
		{[]string{"stat", "describe", "--roles", roles}, 1, "", "needs a table"},
		{[]string{"stat", "describe", "--data", filepath.Join(dir, "none.csv"), "--roles", roles}, 1, "", "no such file"},
		{[]string{"stat", "t_test_paired", "--data", plain, "--roles", `{"y0":"gain","y1":"gain"}`}, 1, "", "zero variance"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), c.args, strings.NewReader(""), &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) || strings.Count(errs.String(), "\n") > 1 {
			t.Errorf("lumbar %v: exit %d, %.300s%s, want %d, %s, %s", c.args, code, out.String(), errs.String(), c.code, c.out, c.err)
		}
	}
}

func TestConformCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("d.csv", "y\n1\n2\n6\n")
	golden := `{"datasets":{"d.csv":{"file":"d.csv"}},"cases":[{"id":"a","method":"describe_mean_sd","data":"d.csv","roles":{"y":"y"},"expected":{"mean":MEAN},"tol":{"rel":1e-9,"abs":0}}]}`
	write("a.json", strings.Replace(golden, "MEAN", "3", 1))
	for _, c := range []struct {
		mean     string
		args     []string
		code     int
		out, err string
	}{
		{"3", []string{"conform", dir}, 0, "1 passed, 0 failed, 0 unsupported\n", ""},
		{"3", []string{"conform", "--json", dir}, 0, `{"passed":1,"failed":0,"unsupported":0}`, ""},
		{"3.1", []string{"conform", dir}, 1, "0 passed, 1 failed, 0 unsupported\n", "a (describe_mean_sd)"},
		{"3", []string{"conform"}, 2, "", "arg"},
		{"3", []string{"conform", filepath.Join(dir, "none")}, 1, "", "no such file"},
	} {
		write("a.json", strings.Replace(golden, "MEAN", c.mean, 1))
		var out, errs bytes.Buffer
		code := run(t.Context(), c.args, strings.NewReader(""), &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) {
			t.Errorf("lumbar %v: exit %d, %s%s, want %d, %s, %s", c.args, code, out.String(), errs.String(), c.code, c.out, c.err)
		}
	}
}
