package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/v2"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

// takingOptions are how the routes that take records are configured.
func takingOptions(k *koanf.Koanf) (ihttp.Options, error) {
	o := ihttp.Options{Limits: ihttp.Limits{Requests: k.Float64("ingest.rate_requests"), Rows: k.Float64("ingest.rate_rows")}}
	if o.Limits.Requests < 0 || o.Limits.Rows < 0 {
		return o, errors.New("ingest.rate_requests and ingest.rate_rows are numbers a second; 0 is no limit")
	}
	// The environment has one text where the file has a list.
	if o.Sources = k.Strings("fhir.import_sources"); len(o.Sources) == 0 {
		o.Sources = strings.Split(k.String("fhir.import_sources"), ",")
	}
	return o, nil
}

// newTaking opens the routes that take records.
func (h *house) newTaking() (*ihttp.Records, error) {
	o := h.taking
	o.Log, o.Metrics, o.Spool = h.log, h.registry, filepath.Join(h.dir, "spool")
	return ihttp.NewRecords(h.pipeline, h.intake, o)
}
