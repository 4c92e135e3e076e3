package methods

// own is what a method asks for beyond everyRole and everyParam.
type own struct {
	roles  map[string]string
	params map[string]any
}

// ownRequests fill what methods need of the table of people in their own way.
var ownRequests = map[string]own{
	"chi2_rxc":               {roles: map[string]string{"a": "arm", "b": "site"}},
	"cochran_armitage_trend": {roles: map[string]string{"y": "event", "dose": "y0"}},
	"cronbach_alpha":         {params: map[string]any{"items": []any{"y0", "yi", "y"}}},
	"dunnett":                {params: map[string]any{"control": "a"}},
	"mantel_haenszel":        {roles: map[string]string{"y": "event", "s": "site"}},
	"mcnemar":                {roles: map[string]string{"y0": "treated", "y1": "event"}},
	"proportion_ci":          {roles: map[string]string{"y": "event"}},
	"risk_difference":        {roles: map[string]string{"y": "event"}},
	"risk_ratio":             {roles: map[string]string{"y": "event"}},
	"two_by_two_tests":       {roles: map[string]string{"y": "event"}},
	"mcid_anchor_roc_mean_change_predictive": {
		roles: map[string]string{"change": "y", "anchor": "event"}, params: map[string]any{"anchor_pos": 1.0},
	},
}

// withOwn adds a method's own roles and params.
func withOwn(m Method, req Request) Request {
	o := ownRequests[m.Name]
	for role, column := range o.roles {
		req.Roles[role] = column
	}
	params := map[string]any{}
	for _, from := range []map[string]any{req.Params, o.params} {
		for name, v := range from {
			params[name] = v
		}
	}
	req.Params = params
	return req
}
