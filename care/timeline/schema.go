package timeline

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/web"
)

// described says of fields what their names do not; a test holds that each is
// a field.
var described = map[string]string{
	"as_of":              "the moment the record is of; null = now",
	"version":            "orders the versions of a fact; the highest is current",
	"received_at":        "when this version was received",
	"earlier":            "the versions before, the latest first",
	"placed":             "episode and timepoint that it belongs to, by the programme's schedule; null where there is none",
	"counts_in_outcome":  "cohort results take the timepoint's answer from this response",
	"stated":             "the sender named the timepoint; else it is the one whose window the answer is in",
	"days_from_target":   "negative before the target day",
	"answered_at":        "as precise as it is known",
	"answered_on":        "the day in Europe/London",
	"answered_precision": "instant, day, month or year",
	"completeness":       "of the questions that are not optional",
	"supplied_score":     "the sender's own score; ours stands",
	"flags":              "what someone must look at, whatever the score",
	"points":             "exact: units over unit where unit is not 0; null where there is no score or it is a category",
	"main":               "the score that stands for the instrument in its programme",
	"change":             "since the episode's baseline, by the instrument's own rules; null for the baseline itself",
	"rules":              "those rules in words, by the field that they explain",
	"reasons":            "why a field is null",
	"improvement":        "in points, positive is better",
	"pct":                "improvement in per cent of the baseline",
	"cost_pence":         "null where none was given",
	"covariates":         "of the programme",
	"predicted":          "a prediction that came with the record",
	"source":             "what the sender calls it",
	"status":             "entered-in-error: withdrawn, or moved to another person; what was answered is not shown",
	"imd_decile":         "1 is the most deprived",
	"birth_month":        "as 1980-05; empty where it is not known",
	"opens_on":           "first day of the window",
	"closes_on":          "last day of the window",
	"recovered":          "null where the instrument defines no recovery",
	"meets_abs":          "improvement of at least the minimal important change",
	"responder":          "by the instrument's responder rule",
	"reliable_change":    "a change larger than the measurement error of one person",
	"direction":          "lower_better or higher_better",
	"unit":               "how many units make a point; 0 = points are no whole number of anything",
	"happened_at":        "when it happened",
	"startback_risk":     "at referral",
	"episode":            "the episode's id",
	"reported_by":        "patient, proxy or clinician; only a patient's own answers have a change",
	"deteriorated":       "worse by at least the instrument's threshold",
}

// schema describes the answer field by field, from its Go types.
func schema() web.Schema { return schemaOf(reflect.TypeFor[Timeline]()) }

func schemaOf(t reflect.Type) web.Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return web.Schema{"type": "string", "format": "date-time"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return web.Schema{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(schemaOf(t.Elem()))
	case reflect.Slice:
		return web.Schema{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return web.Schema{"type": "object", "additionalProperties": web.Schema{"type": []string{"integer", "string"}}}
		}
		return web.Schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties := web.Schema{}
		addFields(t, properties)
		return web.Schema{"type": "object", "properties": properties}
	case reflect.Bool:
		return web.Schema{"type": "boolean"}
	case reflect.Float64:
		return web.Schema{"type": "number"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint32:
		return web.Schema{"type": "integer"}
	}
	return web.Schema{"type": "string"}
}

// nullable makes a schema one that null fits too.
func nullable(s web.Schema) web.Schema {
	if kind, ok := s["type"].(string); ok {
		s["type"] = []string{kind, "null"}
	}
	return s
}

func addFields(t reflect.Type, properties web.Schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			addFields(f.Type, properties)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := schemaOf(f.Type)
		if text := described[name]; text != "" {
			s["description"] = text
		}
		properties[name] = s
	}
}
