# Sizes and powers over a grid: Rscript power.R > ../power.golden.json
suppressPackageStartupMessages({library(pwr); library(rpact); library(jsonlite)})
means <- lapply(list(c(5, 16, .9, .05, 150), c(1, 4, .8, .01, 20), c(-2, 3, .95, .1, 12), c(8, 10, .8, .05, 3)), function(v) { d <- abs(v[1])
  list(delta = v[1], sd = v[2], power = v[3], alpha = v[4], n = v[5], size = power.t.test(delta = d, sd = v[2], power = v[3], sig.level = v[4], tol = 1e-13)$n, paired = power.t.test(delta = d, sd = v[2], power = v[3], sig.level = v[4], type = "paired", tol = 1e-13)$n,
    reached = power.t.test(n = v[5], delta = d, sd = v[2], sig.level = v[4])$power, strict = power.t.test(n = v[5], delta = d, sd = v[2], sig.level = v[4], strict = TRUE)$power, detectable = power.t.test(n = v[5], sd = v[2], power = v[3], sig.level = v[4], tol = 1e-13)$delta,
    unequal = pwr.t2n.test(n1 = v[5], n2 = 3*v[5], d = v[1]/v[2], sig.level = v[4])$power) })
proportions <- lapply(list(c(.55, .45, .9, .05, 150), c(.1, .3, .8, .01, 40), c(.02, .01, .8, .05, 900)), function(v)
  list(p1 = v[1], p2 = v[2], power = v[3], alpha = v[4], n = v[5], size = power.prop.test(p1 = v[1], p2 = v[2], power = v[3], sig.level = v[4], tol = 1e-13)$n, reached = power.prop.test(n = v[5], p1 = v[1], p2 = v[2], sig.level = v[4])$power,
    h = ES.h(v[1], v[2]), arcsine = pwr.2p.test(h = ES.h(v[1], v[2]), power = v[3], sig.level = v[4])$n))
margins <- lapply(list(c(4, 16, .9, .025), c(9, 10, .8, .05)), function(v) list(margin = v[1], sd = v[2], power = v[3], alpha = v[4], total = getSampleSizeMeans(alternative = 0, thetaH0 = -v[1], stDev = v[2], alpha = v[4], beta = 1 - v[3])$nFixed))
cat(toJSON(list(r = R.version.string, pwr = as.character(packageVersion("pwr")), rpact = as.character(packageVersion("rpact")), means = means, proportions = proportions, margins = margins), auto_unbox = TRUE, digits = NA, pretty = 1), "\n")
