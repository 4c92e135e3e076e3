// Package catalogue lists what can be asked about: instruments, programmes,
// interventions and organisations, as the API and the pages show them.
//
// It reads definitions, wording packs and reference data only and never data
// about people, and gives out no wording whose licence has ended.
package catalogue
