package schema

import (
	"fmt"
	"regexp"
)

// tableNames are what a frame's table may be called, with its database before it
// or not: no quoting can be needed for it.
var tableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// NewFrame lists the columns of another table than outcome, so that the same
// readers answer questions about it: every row counts, no programme, dimension
// or score is known. A name may be anything; Type is not read, an Integer needs
// its Unit and Bound. It fails on a table or a list that can not be read.
func NewFrame(table string, columns []Column) (*Catalogue, error) {
	if !tableNames.MatchString(table) {
		return nil, fmt.Errorf("schema: table %q: a name is letters, digits and _", table)
	}
	c := &Catalogue{table: table, byName: map[string]int{}}
	for _, col := range columns {
		if col.Name == "" || col.Name[0] == '_' {
			return nil, fmt.Errorf("schema: table %s: column %q: a column needs a name that does not begin with _", table, col.Name)
		}
		if _, known := c.byName[col.Name]; known {
			return nil, fmt.Errorf("schema: table %s: column %s is listed twice", table, col.Name)
		}
		if col.Kind == Integer && (col.Unit <= 0 || col.Bound <= 0) {
			return nil, fmt.Errorf("schema: table %s: column %s counts whole units: say how many make one, and the largest number of them", table, col.Name)
		}
		c.byName[col.Name] = len(c.columns)
		c.columns = append(c.columns, col)
	}
	return c, nil
}

// Table returns the table that the catalogue lists: outcome, or a frame's.
func (c *Catalogue) Table() string {
	if c.table == "" {
		return "outcome"
	}
	return c.table
}

// IsFrame says whether the catalogue lists another table than outcome.
func (c *Catalogue) IsFrame() bool { return c.table != "" }
