package timeline

import (
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/web"
)

// roles are those who may see one person's record: who cares for people, and
// the demo, whose people are simulated.
var roles = []string{"clinician", "demo"}

// Timelines serves the timeline of one person.
type Timelines struct {
	store      Store
	audit      Auditor
	programmes []*programme.Programme
	now        func() time.Time
	log        *slog.Logger
}

// New returns the handlers over a store. Each access is audited before anything
// of it leaves.
func New(store Store, audit Auditor, programmes []*programme.Programme, now func() time.Time, log *slog.Logger) *Timelines {
	return &Timelines{store: store, audit: audit, programmes: programmes, now: now, log: log}
}

// Routes are the routes of this face.
func (t *Timelines) Routes() []web.Route {
	return []web.Route{{
		Method: http.MethodGet, Path: "/v1/patients/{pseudonym}/timeline",
		Summary: "One person's record for the care of that person: exact, with earlier versions; never for comparison of people",
		Params: []web.Param{
			{Name: "pseudonym", In: "path", Description: "32 hexadecimal digits", Schema: web.Schema{"type": "string"}},
			{Name: "as_of", In: "query", Description: "the record as it was known at this moment (RFC 3339); now where it is left out",
				Schema: web.Schema{"type": "string", "format": "date-time"}},
		},
		Answers: []web.Reply{
			{Status: http.StatusOK, Description: "the record", Types: []string{"application/json"}, Schema: schema()},
		},
		Handler: http.HandlerFunc(t.serve),
	}}
}

func (t *Timelines) serve(w http.ResponseWriter, r *http.Request) {
	who := web.Who(r.Context())
	if !slices.Contains(roles, who.Role) {
		web.WriteProblem(w, r, http.StatusForbidden, "a person's record is for those who care for that person: ask with the key of a clinician")
		return
	}
	patient, ok := parsePseudonym(mux.Vars(r)["pseudonym"])
	if !ok {
		web.WriteProblem(w, r, http.StatusBadRequest, "a pseudonym is 32 hexadecimal digits")
		return
	}
	asOf, ok := parseMoment(r)
	if !ok {
		web.WriteProblem(w, r, http.StatusBadRequest, "as_of: give a moment with its zone, as 2026-04-01T09:30:00Z")
		return
	}
	h, err := t.store.History(r.Context(), patient, asOf)
	if err != nil {
		t.log.Error("a timeline could not be read", "error", err)
		unavailable(w, r)
		return
	}
	access := record.Access{At: t.now(), Actor: who.Name, Role: who.Role, Action: "timeline", Purpose: "direct care", Subject: hex.EncodeToString(patient[:]), Rows: h.Len()}
	if err := t.audit.Audit(r.Context(), access); err != nil {
		t.log.Error("a timeline is not shown: the audit could not be written", "error", err)
		unavailable(w, r)
		return
	}
	if h.Len() == 0 {
		web.WriteProblem(w, r, http.StatusNotFound, "nothing is known under this pseudonym, or was at that moment")
		return
	}
	body, err := json.Marshal(build(h, patient, asOf, t.store, t.programmes))
	if err != nil {
		t.log.Error("a timeline could not be written", "error", err)
		web.WriteProblem(w, r, http.StatusInternalServerError, "the record could not be written: report the fault")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A reader that has gone away is no error of ours.
	_, _ = w.Write(body)
}

func unavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "2")
	web.WriteProblem(w, r, http.StatusServiceUnavailable, "the record can not be shown now: ask again in a moment")
}

func parsePseudonym(text string) (id record.PatientID, ok bool) {
	if len(text) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// parseMoment reads as_of, which may be given once.
func parseMoment(r *http.Request) (at time.Time, ok bool) {
	values, given := r.URL.Query()["as_of"]
	if !given {
		return at, true
	}
	at, err := time.Parse(time.RFC3339, values[0])
	return at, err == nil && len(values) == 1 && at.Year() >= 1970 && at.Year() < 2200
}
