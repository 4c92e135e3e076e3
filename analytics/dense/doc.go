// Package dense is the small algebra of fits: matrices of as many rows as a
// model has coefficients, row after row, Cholesky factors and their solutions;
// factors of packed matrices scaled to a unit diagonal where units differ.
//
// It never decides what a singular matrix means, and checks no shapes: callers
// hand over what fits. Nothing the size of a table of rows belongs here.
package dense
