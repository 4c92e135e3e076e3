// Package receipt gives a question its one form and an answer its identity:
// equal questions about one version of the data, under one version of code,
// registries and disclosure rule, have one receipt.
//
// It stores nothing.
package receipt
