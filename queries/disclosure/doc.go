// Package disclosure is the last step before anything leaves queries: it
// suppresses, rounds and compares cohorts so that no answer tells of a person
// (domain 4.5).
//
// It never computes a statistic and never sees a patient.
package disclosure
