// Package disclosure is the last step before anything leaves queries: it
// suppresses, rounds and compares cohorts so that no answer tells of a person
// (domain 4.5).
//
// Counts follow the HES rule: 0 stays, 1–7 are withheld, others go to the
// nearest 5. Every other number has the count that it rests on (columns.yaml
// says which) and needs at least 8 people, and that count enters intervals and
// standard errors rounded. Intervals come at a few levels, which tell no more than
// the one at 95 %. The ledger compares the cohorts of all questions that were
// answered on one version of the data, so that two answers can not be subtracted.
//
// It never computes a statistic and never sees a patient. What stays open:
// differences of three or more cohorts of different questions where they do not
// nest, people by complete columns of which none holds the other, and cohorts
// answered on different versions of the data.
package disclosure
