package simulate

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// writeRecords writes the hip and knee files; half of Options.Patients each.
func (g *Generator) writeRecords(ctx context.Context, dir string) ([]RecordCount, error) {
	var counts []RecordCount
	for i := range joints {
		list, err := g.records(ctx, i, (g.opts.Patients+1-i)/2)
		if err != nil {
			return nil, err
		}
		if err := g.writeJoint(filepath.Join(dir, joints[i].file), &joints[i], list); err != nil {
			return nil, err
		}
		counts = append(counts, RecordCount{joints[i].file, int64(len(list))})
	}
	return counts, nil
}

func (g *Generator) writeJoint(path string, j *joint, list []operation) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriterSize(file, 1<<20)
	w := csv.NewWriter(buffered)
	w.UseCRLF = true
	if err := w.Write(j.header()); err != nil {
		return err
	}
	models := newPredictions(list)
	fy := g.start.FinancialYear()
	row := make([]string, 0, recordWidth)
	for i := range list {
		p := &list[i]
		row = append(row[:0], g.world.trusts[p.trust].Code, j.procedure, strconv.Itoa(flag(p.revision)), yearLabel(fy+p.year))
		row = p.columns(row, models.of(p))
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return errors.Join(w.Error(), buffered.Flush())
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// yearLabel writes a financial year as 2016/17.
func yearLabel(fy int) string { return fmt.Sprintf("%d/%02d", fy, (fy+1)%100) }

// columns appends the columns after the year.
func (p *operation) columns(row []string, predicted [3]float64) []string {
	age, gender := recordAges[p.ageBand], strconv.Itoa(p.gender)
	if p.hidden {
		age, gender = "*", "*"
	}
	code := func(list ...int) {
		for _, c := range list {
			row = append(row, strconv.Itoa(c))
		}
	}
	index := func(a *answered) { row = append(row, a.profile(), decimal(a.index, -1)) }
	row = append(row, age, gender)
	code(p.context[0], 0)
	code(p.context[1:]...)
	code(p.comorbid[:]...)
	code(p.before.health[:]...)
	index(&p.before)
	code(p.contextAfter[:]...)
	code(p.after.health[:]...)
	code(p.verdict[:]...)
	index(&p.after)
	row = append(row, decimal(predicted[0], 8))
	code(p.before.scale, p.after.scale)
	row = append(row, decimal(predicted[1], 8))
	for _, a := range []*answered{&p.before, &p.after} {
		code(a.oxford[:]...)
		row = append(row, decimal(a.total, -1))
	}
	return append(row, decimal(predicted[2], 8))
}

// profile writes the levels as digits.
func (a *answered) profile() string {
	digits := make([]byte, len(a.health))
	for i, level := range a.health {
		digits[i] = '0' + byte(level)
	}
	return string(digits)
}

// decimal writes a number, and what is missing as nothing.
func decimal(x float64, places int) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'f', places, 64)
}
