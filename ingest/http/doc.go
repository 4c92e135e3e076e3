// Package http takes records over HTTP: the public routes for answers,
// episodes, events and patients, FHIR and its imports as jobs, and the owner's
// route through which commands on a data directory that another process owns
// import files.
//
// It never answers before the rows are durable, and its replies name fields and
// rules, never values. It fetches nothing from an address that is not listed.
package http
