package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/dashboards/grafana"
	"github.com/lumbar-health/lumbar/web"
)

// noKeys is what serve answers while there is no way to know anybody.
const noKeys = "no identity is configured: nobody can be let in yet; until keys exist use lumbar demo, or lumbar ask on the data directory"

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Args: cobra.NoArgs,
		Short: "Engine, ingest, API, boards and pages",
		RunE:  runServe,
	}
	cmd.Flags().String("addr", "", "address to listen on (LUMBAR_HTTP_ADDR, default 127.0.0.1:8080)")
	cmd.Flags().String("provision", "", "folder to write Grafana's provisioning files and boards to")
	return cmd
}

func runServe(cmd *cobra.Command, _ []string) (err error) {
	k, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	log, err := newLogger(k)
	if err != nil {
		return err
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
	h, err := takeHouse(cmd.Context(), k, "serve", log)
	if err != nil {
		return err
	}
	h.wordings = wordings
	defer func() { err = errors.Join(err, h.Close()) }()
	address := "http://" + listener.Addr().String()
	if dir, _ := cmd.Flags().GetString("provision"); dir != "" {
		if err := grafana.WriteProvisioning(dir, address+grafana.BasePath); err != nil {
			return err
		}
	}
	nobody := func(*http.Request) (web.Identity, bool) { return web.Identity{}, false }
	f, err := h.faces(nobody, noKeys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fmt.Fprintf(cmd.OutOrStdout(), "lumbar serves %s\n%s\n", address, noKeys)
	return serveUntil(cmd.Context(), listener, f.router, f.page.Close)
}

// listen binds an address. A port that is taken is told with what to do.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program: choose another with --addr or LUMBAR_HTTP_ADDR", address)
	}
	if err != nil {
		return nil, fmt.Errorf("can not listen on %s: %w: choose another with --addr or LUMBAR_HTTP_ADDR", address, err)
	}
	return l, nil
}

// onLoopback says whether an address can be reached from this machine only.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveUntil serves until the context ends, then ends open streams and lets
// requests finish.
func serveUntil(ctx context.Context, l net.Listener, handler http.Handler, endStreams func()) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	server.RegisterOnShutdown(endStreams)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("serve: requests were cut off: %w", err), server.Close())
	}
	return nil
}
