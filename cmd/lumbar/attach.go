package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
)

// asker answers questions: a desk of our own, or that of the owner.
type asker interface {
	Ask(ctx context.Context, q queries.Question) (*queries.Answer, error)
}

// remoteDesk asks the owner of the data directory.
type remoteDesk struct{ owner ownerClient }

func (d remoteDesk) Ask(ctx context.Context, q queries.Question) (*queries.Answer, error) {
	a, err := call[wireAnswer](ctx, d.owner, askPath, q)
	if err != nil {
		return nil, err
	}
	return a.typed(), nil
}

// localImporter imports in this process, which owns the data directory.
type localImporter struct{ pipeline *ingest.Pipeline }

func (l localImporter) Import(ctx context.Context, path string, o ingest.ImportOptions, progress func(ingest.Progress)) (ingest.Report, error) {
	src, err := ingest.File(path)
	if err != nil {
		return ingest.Report{}, err
	}
	return l.pipeline.Import(ctx, src, o, progress)
}

// place is a data directory as a command uses it: owned, or attached to.
type place struct {
	house    *house             // nil when attached
	attached *engine.Attachment // nil when owned
}

// openPlace takes the configured data directory, or attaches to its owner. A
// directory that is taken is opened with the options.
func openPlace(ctx context.Context, cmd *cobra.Command, options ...func(*store.Config)) (*place, error) {
	k, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	log, err := newLogger(k)
	if err != nil {
		return nil, err
	}
	dir, err := dataDir(k)
	if err != nil {
		return nil, err
	}
	owner, attached, err := engine.Join(ctx, dir, cmd.CommandPath())
	if err != nil {
		return nil, err
	}
	if attached != nil {
		return &place{attached: attached}, nil
	}
	h, err := openHouse(ctx, k, owner, log, options...)
	if err != nil {
		return &place{}, err
	}
	// What another process acknowledged before it ended is part of the data.
	if err := h.intake.Drained(ctx); err != nil {
		return &place{}, errors.Join(fmt.Errorf("the journal of the data directory could not be carried into the store: %w", err), h.Close())
	}
	return &place{house: h}, nil
}

// Close gives the directory back. An owner lets attached commands finish first.
func (p *place) Close(ctx context.Context) error {
	if p.attached != nil {
		return p.attached.Close()
	}
	return errors.Join(p.house.waitForAttached(ctx), p.house.Close())
}

func (p *place) owner() ownerClient {
	return ownerClient{url: p.attached.Owner.IngestURL, token: p.attached.Owner.IngestToken}
}

func (p *place) asker() asker {
	if p.attached != nil {
		return remoteDesk{p.owner()}
	}
	return p.house.desk
}

func (p *place) importer() importTarget {
	if p.attached != nil {
		o := p.owner()
		return &ihttp.Client{URL: o.url, Token: o.token}
	}
	return localImporter{p.house.pipeline}
}

// openDesk is how ask reaches the data.
func openDesk(cmd *cobra.Command) (asker, func() error, error) {
	p, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return nil, nil, err
	}
	return p.asker(), func() error { return p.Close(cmd.Context()) }, nil
}

// openTarget is how import reaches the data.
func openTarget(cmd *cobra.Command) (importTarget, func() error, error) {
	p, err := openPlace(cmd.Context(), cmd)
	if err != nil {
		return nil, nil, err
	}
	return p.importer(), func() error { return p.Close(cmd.Context()) }, nil
}
