// Package balance says how alike two arms are: standardised mean differences,
// variance ratios, distribution distances and effective sizes, weighted or not;
// and it makes the weights that balance means exactly (entropy balancing).
//
// It never tests balance: a p-value of imbalance is a statement about size.
package balance
