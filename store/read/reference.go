package read

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/record"
)

// Lists of reference data.
const (
	ListOrganisations = "organisation"
	ListDeprivation   = "deprivation"
	ListOptOuts       = "opt_out"
)

// List is the current edition of a list of reference data.
type List struct {
	Name, Edition string
	Version       uint64    // of its rows
	ReceivedAt    time.Time // when it was received, UTC
	LoadedAt      time.Time
	Rows          uint64
}

// Lists returns the current lists: of each name and edition the one that was
// loaded last.
func (r *Reader) Lists(ctx context.Context) ([]List, error) {
	var all []List
	err := r.direct(ctx, "read reference_list", newStatement(r.catalogue()), `SELECT list, edition, version, received_at, loaded_at, rows
FROM reference_list ORDER BY list, edition, number DESC LIMIT 1 BY list, edition`, func(rows driver.Rows) error {
		var l List
		err := rows.Scan(&l.Name, &l.Edition, &l.Version, &l.ReceivedAt, &l.LoadedAt, &l.Rows)
		all = append(all, l)
		return err
	})
	return all, err
}

// List returns the current list of that name and edition; ok is false where
// none was ever loaded.
func (r *Reader) List(ctx context.Context, name, edition string) (l List, ok bool, err error) {
	all, err := r.Lists(ctx)
	for _, l := range all {
		if l.Name == name && l.Edition == edition {
			return l, true, nil
		}
	}
	return List{}, false, err
}

// Organisations returns the organisations that are known, and the list that
// they are of; without a list there are none.
func (r *Reader) Organisations(ctx context.Context) (*record.Organisations, List, error) {
	l, ok, err := r.List(ctx, ListOrganisations, "")
	if err != nil || !ok {
		return record.NewOrganisations(nil), l, err
	}
	list := make([]record.Organisation, 0, l.Rows)
	s := newStatement(r.catalogue())
	err = r.direct(ctx, "read organisation", s, `SELECT code, code_system, toInt8(kind), name, parent, successor, toInt32(valid_from), toInt32(valid_to)
FROM organisation WHERE version = `+s.version(l), func(rows driver.Rows) error {
		var o record.Organisation
		var kind int8
		var from, to int32
		err := rows.Scan(&o.Code, &o.CodeSystem, &kind, &o.Name, &o.Parent, &o.Successor, &from, &to)
		o.Kind, o.ValidFrom, o.ValidTo = record.OrganisationKind(kind), record.Date(from), record.Date(to)
		list = append(list, o)
		return err
	})
	if err == nil {
		err = l.whole(len(list))
	}
	return record.NewOrganisations(list), l, err
}

func (s *statement) version(l List) string { return s.bind("UInt64", fmt.Sprint(l.Version)) }

// whole says whether all of a list was read. A list that was replaced twice
// meanwhile is gone.
func (l List) whole(rows int) error {
	if uint64(rows) != l.Rows {
		return fmt.Errorf("store: %s: %d rows of the list of version %d, which has %d: another list was loaded meanwhile, ask again", l.Name, rows, l.Version, l.Rows)
	}
	return nil
}

// Decile is how deprived an area is in an edition of the indices.
type Decile struct {
	Edition string
	Decile  uint8 // 1 = the most deprived tenth
}

// Deciles returns the deciles of small areas. An area's code names the same area
// in every edition that has it, because an area that is drawn anew gets another
// code; but the deciles of two editions do not compare. So the edition is the
// one that is asked for. Where none is, an area has a decile only if one of the
// loaded editions alone has it: a choice between two would be a guess. An area
// without an answer is absent.
func (r *Reader) Deciles(ctx context.Context, areas []string, edition string) (map[string]Decile, error) {
	all, err := r.Lists(ctx)
	if err != nil {
		return nil, err
	}
	s := newStatement(r.catalogue())
	var versions []string
	for _, l := range all {
		if l.Name == ListDeprivation && (edition == "" || l.Edition == edition) {
			versions = append(versions, s.version(l))
		}
	}
	found := map[string]Decile{}
	if len(versions) == 0 || len(areas) == 0 {
		return found, nil
	}
	text := "SELECT lsoa, any(edition), any(decile) FROM deprivation WHERE version IN (" + strings.Join(versions, ", ") + ") AND lsoa IN " + s.texts(areas) +
		" GROUP BY lsoa HAVING count() = 1"
	err = r.direct(ctx, "read deprivation", s, text, func(rows driver.Rows) error {
		var area string
		var d Decile
		err := rows.Scan(&area, &d.Edition, &d.Decile)
		found[area] = d
		return err
	})
	return found, err
}
