// Package catalogue lists what can be asked about: instruments, programmes and
// interventions, as the API and the pages show them.
//
// It reads definitions and wording packs only and never data, and gives out no
// wording whose licence has ended.
package catalogue
