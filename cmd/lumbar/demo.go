package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/web"
)

// trickleEvery is the pause between two answers that land while one watches.
const trickleEvery = 2 * time.Second

func newDemoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: "Serve a simulated programme, open, on loopback only",
		RunE:  runDemo,
	}
	cmd.Flags().Int("patients", 6000, "people to simulate")
	cmd.Flags().Uint64("seed", 1, "seed of the simulation")
	cmd.Flags().String("addr", "", "loopback address to listen on (LUMBAR_HTTP_ADDR, default 127.0.0.1:8080)")
	return cmd
}

func runDemo(cmd *cobra.Command, _ []string) (err error) {
	k, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	log, err := newLogger(k)
	if err != nil {
		return err
	}
	patients, err := cmd.Flags().GetInt("patients")
	if err != nil {
		return err
	}
	seed, err := cmd.Flags().GetUint64("seed")
	if err != nil {
		return err
	}
	if a := k.String("http.addr"); !onLoopback(a) {
		return usageError{fmt.Errorf("the demo is open to whoever reaches it, so it listens on loopback only, not on %s: choose --addr 127.0.0.1:PORT", a)}
	}
	world := simulate.Options{Patients: patients, Seed: seed, Live: true}
	generator, err := simulate.New(world)
	if err != nil {
		return usageError{err}
	}
	wordings, err := openWordings(k, log)
	if err != nil {
		return err
	}
	listener, err := listen(k.String("http.addr"))
	if err != nil {
		return err
	}
	defer listener.Close()
	if k.String("data") == "" {
		dir, err := os.MkdirTemp("", "lumbar-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer os.RemoveAll(dir)
		if err := k.Set("data", dir); err != nil {
			return err
		}
	}
	h, err := takeHouse(cmd.Context(), k, "demo", log)
	if err != nil {
		return err
	}
	h.wordings = wordings
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := h.fill(cmd.Context(), world, cmd.ErrOrStderr()); err != nil {
		return err
	}
	everybody := func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "demo", Role: "demo"}, true }
	f, err := h.faces(everybody, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	address := "http://" + listener.Addr().String()
	fmt.Fprintf(cmd.OutOrStdout(), "lumbar demo: %s\nsimulated people only; open to every program on this machine, to no other; stop with Ctrl-C\n", address)
	go trickle(cmd.Context(), address, generator, log)
	return serveUntil(cmd.Context(), listener, f.router, f.page.Close)
}

// fill imports the simulated programme as its files.
func (h *house) fill(ctx context.Context, world simulate.Options, progress io.Writer) (err error) {
	dir, err := os.MkdirTemp(h.dir, "simulated-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := simulate.Write(ctx, dir, world); err != nil {
		return err
	}
	paths, err := importPaths([]string{dir})
	if err != nil {
		return err
	}
	for _, path := range paths {
		report, err := localImporter{h.pipeline}.Import(ctx, path, ingest.ImportOptions{}, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(progress, "%s: %d read, %d stored\n", filepath.Base(path), report.Read, report.Stored)
	}
	return nil
}

// trickle sends the answers that the simulation held back, one by one, as a
// questionnaire provider would.
func trickle(ctx context.Context, address string, g *simulate.Generator, log *slog.Logger) {
	tick := time.NewTicker(trickleEvery)
	defer tick.Stop()
	for row := range g.Trickle() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := post(ctx, address+"/v1/responses", row); err != nil && ctx.Err() == nil {
			log.Warn("demo: an answer was not taken", "error", err)
		}
	}
}

func post(ctx context.Context, url string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST /v1/responses: %s", res.Status)
	}
	return nil
}
