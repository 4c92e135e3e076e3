package api

import (
	"net/http"
	"reflect"

	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/web"
)

// organisationsRoute lists organisations as they were and as they are.
func (a *API) organisationsRoute() web.Route {
	text := web.Schema{"type": "string"}
	day := web.Schema{"type": "string", "format": "date"}
	params := []web.Param{
		{Name: "kind", In: "query", Description: "only of this kind", Schema: web.Schema{"type": "string", "enum": anySlice(catalogue.OrganisationKinds())}},
		{Name: "code", In: "query", Description: "only of this code, at all times", Schema: text},
		{Name: "on", In: "query", Description: "only those that there were on this day; as_now is of it (default: all times, as_now of today)", Schema: day},
		{Name: "limit", In: "query", Description: "rows of a page, 1,000 where it is left out, 10,000 at most", Schema: web.Schema{"type": "integer"}},
		{Name: "after", In: "query", Description: "go on behind a page: what its next says", Schema: text},
	}
	return a.listRoute("/v1/organisations", "Organisations over time: who belonged to whom, and what became of whom",
		schemaOf(reflect.TypeFor[catalogue.OrganisationList]()), params, func(r *http.Request) (any, error) {
			q := r.URL.Query()
			return a.organisations.List(r.Context(), catalogue.OrganisationQuery{
				Kind: q.Get("kind"), Code: q.Get("code"), On: q.Get("on"), After: q.Get("after"), Limit: q.Get("limit"),
			})
		})
}
