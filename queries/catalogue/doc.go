// Package catalogue lists what can be asked about: instruments, programmes and
// interventions, as the API and the pages show them.
//
// It reads definitions only and never data.
package catalogue
