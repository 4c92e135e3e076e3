package simulate

// Truth is what an analysis of the files should find. It is written to
// truth.json.
type Truth struct {
	Seed      uint64 `json:"seed"`
	Patients  int    `json:"patients"`
	Programme string `json:"programme"`
	// Outcome is the column that Effects are about, its baseline beside it.
	Outcome   string `json:"outcome"`
	Baseline  string `json:"baseline"`
	Direction string `json:"direction"`
	// Covariates are terms of a model that estimates the effects without bias.
	Covariates []string `json:"covariates"`
	Reference  string   `json:"reference"`
	// Effects are those of each other intervention in place of the reference.
	Effects []Effect `json:"effects"`
	// Heterogeneity is the standard deviation of the effects between people,
	// regions and providers, in points.
	Heterogeneity float64       `json:"heterogeneity"`
	Regions       []Region      `json:"regions"`
	Providers     []Trust       `json:"providers"`
	Arms          []ArmSize     `json:"arms"`
	Episodes      int64         `json:"episodes"`
	Responses     Tally         `json:"responses"`
	HeldBack      int64         `json:"held_back"` // rows left for Trickle
	Records       []RecordCount `json:"records"`
}

// Effect is the truth about one intervention.
type Effect struct {
	Intervention string `json:"intervention"`
	// Effect is what everyone's outcome changes by if treated with it in place
	// of the reference, in points: below 0 is better where lower is better.
	Effect float64 `json:"effect"`
	// CrudeBias is how far a plain difference of means is off: the mean
	// expected outcome under the reference of those treated with it less that
	// of those treated with the reference.
	CrudeBias float64 `json:"crude_bias"`
}

// ArmSize is the number of episodes treated with an intervention.
type ArmSize struct {
	Intervention string `json:"intervention"`
	Episodes     int64  `json:"episodes"`
}

// RecordCount is the number of hip or knee records of a file.
type RecordCount struct {
	File    string `json:"file"`
	Records int64  `json:"records"`
}

// Effect returns the true effect of an intervention in place of the reference.
func (t *Truth) Effect(intervention string) (Effect, bool) {
	for _, e := range t.Effects {
		if e.Intervention == intervention {
			return e, true
		}
	}
	return Effect{}, false
}

// census counts people and rows on their way out.
type census struct {
	n        [len(arms)]int64
	sum      [len(arms)]float64
	tally    Tally
	heldBack int64
}

func (c *census) person(p *person) {
	c.n[p.arm]++
	c.sum[p.arm] += p.reference
}

func (g *Generator) truth(c *census) Truth {
	t := Truth{
		Seed: g.opts.Seed, Patients: g.opts.Patients, Programme: g.programme.ID,
		Outcome: "odi_12m", Baseline: "odi_baseline", Direction: "lower_better",
		Covariates: []string{"odi_baseline", "age", "factor(sex)", "factor(imd_quintile)", "factor(startback_risk)"},
		Reference:  arms[0].key, Regions: g.world.regions[:], Providers: g.world.trusts[:],
		Responses: c.tally, HeldBack: c.heldBack,
	}
	for i, a := range arms {
		t.Arms = append(t.Arms, ArmSize{a.key, c.n[i]})
		t.Episodes += c.n[i]
		if i == 0 {
			continue
		}
		e := Effect{Intervention: a.key, Effect: a.effect}
		if c.n[i] > 0 && c.n[0] > 0 {
			e.CrudeBias = points(c.sum[i]/float64(c.n[i]) - c.sum[0]/float64(c.n[0]))
		}
		t.Effects = append(t.Effects, e)
	}
	return t
}

// Truth goes through the whole programme once and returns what is true of it.
// Records stays empty: that is about files.
func (g *Generator) Truth() Truth {
	var c census
	for i := range g.opts.Patients {
		p, r := g.person(i)
		c.person(p)
		d := g.responses(p, r)
		c.tally.add(d.Tally)
		for _, row := range d.rows {
			if g.held(row) {
				c.heldBack++
			}
		}
	}
	return g.truth(&c)
}
