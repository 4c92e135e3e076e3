package write

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
)

// Organisations loads a list of organisations. Each of its rows replaces that of
// the same code and first day; others stay, so that the kinds may come in
// several files. With replace the list is all there is. A list that can not be
// true together with what stays is refused.
func (r *References) Organisations(ctx context.Context, list []record.Organisation, replace bool, o Load) (Loaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current, out, err := r.begin(ctx, read.ListOrganisations, "", o)
	if err != nil {
		return out, err
	}
	former, _, err := r.readers.Organisations(ctx)
	if err != nil {
		return out, err
	}
	all := merged(former.List(), list, replace, &out)
	if err := sound(all); err != nil {
		return out, err
	}
	out.Rows = len(all)
	if o.DryRun {
		return out, nil
	}
	return out, r.store(ctx, loading{
		table: read.ListOrganisations, rows: len(all),
		columns: "code, valid_from, version, valid_to, kind, name, parent, successor, code_system",
		append: func(b driver.Batch, i int, version uint64) error {
			v := &all[i]
			return b.Append(v.Code, v.ValidFrom.Time(), version, v.ValidTo.Time(), v.Kind.String(), v.Name, v.Parent, v.Successor, v.CodeSystem)
		},
	}, current, &out)
}

// merged is what becomes of a list when another one comes, by code and first
// day, and counts the difference.
func merged(former, list []record.Organisation, replace bool, out *Loaded) []record.Organisation {
	type key struct {
		code string
		from record.Date
	}
	stored := make(map[key]record.Organisation, len(former))
	for _, v := range former {
		stored[key{v.Code, v.ValidFrom}] = v
	}
	all := slices.Clone(list)
	for _, v := range list {
		k := key{v.Code, v.ValidFrom}
		was, known := stored[k]
		switch {
		case !known:
			out.Added++
		case was != v:
			out.Changed++
		}
		delete(stored, k)
	}
	for _, v := range stored {
		if replace {
			out.Removed++
			continue
		}
		all = append(all, v)
	}
	slices.SortFunc(all, record.CompareOrganisations)
	return all
}

// sound refuses lists in which a code is two things at once, or becomes itself.
func sound(all []record.Organisation) error {
	o := record.NewOrganisations(all)
	if at, overlap := o.Overlap(); overlap {
		return &StateError{fmt.Sprintf("organisation %s: the list and what is stored have two entries that hold at once: end the one of %s in the list, or give the whole list with --replace",
			o.List()[at].Code, firstDay(o.List()[at-1].ValidFrom))}
	}
	if code, circle := o.Circle(); circle {
		return &StateError{fmt.Sprintf("organisation %s: the list and what is stored make it its own successor: correct the successors, or give the whole list with --replace", code)}
	}
	return nil
}

func firstDay(d record.Date) string {
	if d == 0 {
		return "no first day"
	}
	return "first day " + d.String()
}

// Deprivation loads an edition of the indices of deprivation; it replaces the
// same edition as a whole.
func (r *References) Deprivation(ctx context.Context, edition string, list []record.Deprivation, o Load) (Loaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current, out, err := r.begin(ctx, read.ListDeprivation, edition, o)
	if err != nil {
		return out, err
	}
	out.Rows = len(list)
	former, err := r.deciles(ctx, current)
	if err != nil {
		return out, err
	}
	for _, v := range list {
		was, known := former[v.LSOA]
		switch {
		case !known:
			out.Added++
		case was != v.Decile:
			out.Changed++
		}
		delete(former, v.LSOA)
	}
	out.Removed = len(former)
	if o.DryRun {
		return out, nil
	}
	return out, r.store(ctx, loading{
		table: read.ListDeprivation, edition: edition, rows: len(list), columns: "lsoa, edition, version, decile",
		append: func(b driver.Batch, i int, version uint64) error {
			return b.Append(list[i].LSOA, edition, version, list[i].Decile)
		},
	}, current, &out)
}

// deciles are those of the current list of an edition.
func (r *References) deciles(ctx context.Context, current read.List) (map[string]uint8, error) {
	found := make(map[string]uint8, current.Rows)
	rows, err := r.conn.Query(ctx, "SELECT lsoa, decile FROM deprivation WHERE version = ?", current.Version)
	if err != nil {
		return nil, fmt.Errorf("store: read deprivation: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var area string
		var decile uint8
		if err := rows.Scan(&area, &decile); err != nil {
			return nil, fmt.Errorf("store: read deprivation: %w", err)
		}
		found[area] = decile
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read deprivation: %w", err)
	}
	return found, nil
}

// OptOuts loads the list of people who opted out of the use of their data beyond
// their own care. It replaces the former list as a whole. A list that names most
// of the store's people is refused: it is then that of those who may be used,
// which is what the national service sends back.
func (r *References) OptOuts(ctx context.Context, people []record.PatientID, o Load) (Loaded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	current, out, err := r.begin(ctx, read.ListOptOuts, "", o)
	if err != nil {
		return out, err
	}
	people = slices.Clone(people)
	compare := func(a, b record.PatientID) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(people, compare)
	people = slices.Compact(people)
	out.Rows = len(people)
	if err := r.countOptOuts(ctx, current, people, &out); err != nil {
		return out, err
	}
	if o.DryRun {
		return out, nil
	}
	return out, r.store(ctx, loading{
		table: read.ListOptOuts, rows: len(people), columns: "patient_id, version", accept: r.acceptOptOuts,
		append: func(b driver.Batch, i int, version uint64) error {
			return b.Append(new(big.Int).SetBytes(people[i][:]), version)
		},
	}, current, &out)
}

// countOptOuts compares a sorted list with the current one.
func (r *References) countOptOuts(ctx context.Context, current read.List, people []record.PatientID, out *Loaded) error {
	wrap := func(err error) error { return fmt.Errorf("store: read opt_out: %w", err) }
	rows, err := r.conn.Query(ctx, "SELECT reinterpret(patient_id, 'FixedString(16)') FROM opt_out WHERE version = ? ORDER BY patient_id", current.Version)
	if err != nil {
		return wrap(err)
	}
	defer rows.Close()
	at := 0
	for rows.Next() {
		var wire string
		if err := rows.Scan(&wire); err != nil {
			return wrap(err)
		}
		was := fromWire(wire)
		for at < len(people) && bytes.Compare(people[at][:], was[:]) < 0 {
			out.Added++
			at++
		}
		if at < len(people) && people[at] == was {
			at++
		} else {
			out.Removed++
		}
	}
	out.Added += len(people) - at
	if err := rows.Err(); err != nil {
		return wrap(err)
	}
	return nil
}

// fewPeople is how many people a store has at least before the share of them
// that a list names can tell anything.
const fewPeople = 20

func (r *References) acceptOptOuts(ctx context.Context, version uint64, out *Loaded) error {
	var people, matched uint64
	err := r.conn.QueryRow(ctx, `SELECT uniqExact(patient_id), uniqExactIf(patient_id, patient_id IN (SELECT patient_id FROM opt_out WHERE version = ?)) FROM (
SELECT patient_id FROM episode UNION ALL SELECT patient_id FROM patient UNION ALL SELECT patient_id FROM response UNION ALL SELECT patient_id FROM event)`, version).Scan(&people, &matched)
	if err != nil {
		return fmt.Errorf("store: count those who opted out: %w", err)
	}
	if people >= fewPeople && matched*2 > people {
		return &StateError{fmt.Sprintf("the list names %d of the %d people here, which no list of opt-outs does: the national service sends back those who may be used; give those who are missing from its answer. The former list is still in force", matched, people)}
	}
	out.People, out.Matched = &people, &matched
	return nil
}
