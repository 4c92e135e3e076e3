// Package missing deals with outcomes and covariates that were not recorded:
// patterns, multiple imputation and its pooling, delta adjustment, and weighting
// by the probability of response.
//
// Every method here assumes something of what is missing, and says what. It
// never fills a gap once and calls the table complete, and never drops one
// without counting.
package missing
