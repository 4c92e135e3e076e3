// Package analyst makes the table that an analyst would make of a simulated
// programme: a row an episode with the usable ODI nearest to each target day, by
// plain Go over the wire rows.
//
// It never uses the engine or the store: tests hold those against it.
package analyst

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/simulate"
)

// header is the columns, as the programme's outcome table names them.
var header = []string{
	"intervention", "sex", "age", "imd_quintile", "startback_risk", "region", "provider", "symptom_duration", "smoker", "bmi", "odi_baseline", "odi_12m",
}

// CSV is the table as a file, empty where a value is missing.
func CSV(g *simulate.Generator) ([]byte, error) {
	answers := usableODI(g)
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(header); err != nil {
		return nil, err
	}
	p := programme.Default()
	for e := range g.Episodes() {
		baseline, err := nearest(p, e, "baseline", answers[e.Episode])
		if err != nil {
			return nil, err
		}
		followUp, err := nearest(p, e, "12m", answers[e.Episode])
		if err != nil {
			return nil, err
		}
		quintile := ""
		if e.IMDDecile > 0 {
			quintile = strconv.Itoa(int(e.IMDDecile+1) / 2)
		}
		row := []string{
			e.Intervention, e.Sex, strconv.Itoa(int(e.Age)), quintile, e.StarTBackRisk, e.Region, e.Provider,
			covariate(p, e, "symptom_duration"), covariate(p, e, "smoker"), covariate(p, e, "bmi"), baseline, followUp,
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func covariate(p *programme.Programme, e simulate.Episode, name string) string {
	for i, c := range p.Covariates {
		if v := e.Covariates[i]; c.Name == name && !v.Absent {
			if c.Kind == programme.Category {
				return v.Text
			}
			return strconv.Itoa(int(v.Int))
		}
	}
	return ""
}

// usableODI are the ODI responses that count, by episode: the newest version of
// each, finished, given by the patient.
func usableODI(g *simulate.Generator) map[string][]simulate.Response {
	current := map[string]simulate.Response{}
	var order []string
	for r := range g.Responses() {
		if r.Instrument != "odi" {
			continue
		}
		old, known := current[r.ID.Value]
		if !known {
			order = append(order, r.ID.Value)
		}
		if !known || r.SourceVersion >= old.SourceVersion {
			current[r.ID.Value] = r
		}
	}
	usable := map[string][]simulate.Response{}
	for _, id := range order {
		if r := current[id]; r.ReportedBy == "patient" && (r.Status == "completed" || r.Status == "amended") {
			usable[r.Episode] = append(usable[r.Episode], r)
		}
	}
	return usable
}

// nearest is the ODI of the answer nearest to the timepoint's target day, of
// those within its window; empty where there is none.
func nearest(p *programme.Programme, e simulate.Episode, key string, answers []simulate.Response) (string, error) {
	odi, err := instruments.Lookup("odi", "")
	if err != nil {
		return "", err
	}
	tp, ok := p.Timepoint(key)
	if !ok {
		return "", fmt.Errorf("analyst: no timepoint %s", key)
	}
	anchor := e.FirstContactOn
	if tp.Anchor == programme.AnchorStart && e.TreatmentStart-e.FirstContactOn <= 90 {
		anchor = e.TreatmentStart
	}
	scored := make([]instruments.Scored, len(odi.Scores))
	best, text := math.MaxInt, ""
	for _, r := range answers {
		if err := odi.Score(&instruments.Administration{Codes: r.Answers}, scored); err != nil {
			return "", err
		}
		day := int(record.DateOf(r.AnsweredAt)-anchor) - tp.Target
		if !scored[0].Known || day < -tp.Before || day > tp.After || max(day, -day) >= best {
			continue
		}
		best, text = max(day, -day), strconv.FormatFloat(odi.Scores[0].Points(scored[0].Units), 'g', -1, 64)
	}
	return text, nil
}
