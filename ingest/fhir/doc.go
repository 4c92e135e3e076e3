// Package fhir reads FHIR R4 resources: answered questionnaires, patients,
// referrals, contacts, treatments and tasks, alone, in Bundles or one a line.
// docs/fhir.md lists every element that is read.
//
// It never guesses: what it can not map is refused with a reason. It holds one
// resource at a time, and of a Bundle those whose Patient has not come yet.
package fhir
