# Boundaries of every kind: Rscript boundaries.R > ../boundaries.golden.json
suppressPackageStartupMessages({library(rpact); library(jsonlite)})
cases <- list()
for (rates in list(c(.5, 1), c(.25, .5, .75, 1), (1:8)/8, c(.3, .7, 1))) for (alpha in c(.025, .05)) for (ty in c("OF", "P", "WT", "asOF", "asP", "asKD", "asHSD")) {
  args <- list(kMax = length(rates), informationRates = rates, alpha = alpha, sided = 1, typeOfDesign = ty)
  if (ty == "WT") args$deltaWT <- .1
  if (ty == "asKD") args$gammaA <- 3
  if (ty == "asHSD") args$gammaA <- -2
  d <- do.call(getDesignGroupSequential, c(args, tolerance = 1e-10)); ch <- getDesignCharacteristics(do.call(getDesignGroupSequential, c(args, beta = .2)))
  cases[[length(cases) + 1]] <- list(kind = ty, rates = rates, alpha = alpha, critical = d$criticalValues, spent = d$alphaSpent, inflation = ch$inflationFactor, sample = ch$averageSampleNumber1)
}
cat(toJSON(list(r = R.version.string, rpact = as.character(packageVersion("rpact")), cases = cases), auto_unbox = TRUE, digits = NA, pretty = 1), "\n")
