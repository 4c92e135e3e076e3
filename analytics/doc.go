// Package analytics holds what every family of statistics shares: the form of
// an estimate and the errors that say why there is none.
//
// The families are the folders below, each importing only those before it:
//
//	moments        what the store returns: counts, sums, cross-products
//	dist           tails and quantiles of the laws that tests refer to
//	dense          small dense matrices: factors, solutions and inverses
//	histogram      values with their counts: one sample as the store groups it
//	design         R formulas to columns, over rows or over what the store groups
//	cells          people grouped by equal covariates, with Σy and Σy²
//	kendall        Kendall's S, its variance and its ties
//	describe       one sample
//	twosample      two independent groups
//	paired         two measurements of the same people
//	ranks          rank tests and effect sizes, from histograms
//	ksample        three groups and more
//	proportions    ratios, tables of two by two and of more
//	linear         least squares, robust and clustered errors
//	quantreg       regression of a quantile
//	glm            generalised linear models on cells
//	gee            estimating equations for repeated outcomes
//	mixed          linear and logistic models with random effects, MMRM
//	psychometrics  reliability, agreement and what change matters
//	meta           pooling of estimates
//	funnel         control limits and over-dispersion
//	casemix        case-mix adjusted provider results
//	spc            control charts
//	timeseries     interrupted series and trends
//	survival       time to event, competing events
//	effect         a treated and a control arm as cells; influence on an estimate
//	balance        how alike two arms are, and weights that make them so
//	propensity     models of treatment and weights by them
//	doublyrobust   models of outcome, alone or with the propensity
//	matching       pairs on a score
//	quasi          instruments, and differences in differences
//	sensitivity    how strong a confounder would have to be
//	bootstrap      resampling of people or cells
//	missing        imputation, pooling, weights for response
//	multiplicity   p values of many comparisons
//	sequential     planned and continuous looks
//	power          sizes of studies
//	bayes          posteriors and Bayes factors
//
// Nothing here reads a file, a clock, a database or a context, and nothing logs.
// No function panics on bad input or answers NaN in place of an error, and
// inputs are never modified.
package analytics
