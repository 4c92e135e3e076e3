package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/knadh/koanf/v2"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

// maxRate is the highest limit that means anything.
const maxRate = 1_000_000_000

// takingOptions are how the routes that take records are configured.
func takingOptions(k *koanf.Koanf) (ihttp.Options, error) {
	var o ihttp.Options
	for key, to := range map[string]*float64{"ingest.rate_requests": &o.Limits.Requests, "ingest.rate_rows": &o.Limits.Rows} {
		// A word must not pass for 0, which is no limit.
		rate, err := strconv.ParseFloat(k.String(key), 64)
		if err != nil || !(rate >= 0 && rate <= maxRate) {
			return o, fmt.Errorf("%s is a number a second, at most %d; 0 is no limit", key, maxRate)
		}
		*to = rate
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
