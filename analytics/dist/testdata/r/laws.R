# Studentised range and the largest of several t by nested stats::integrate at
# 1e-11 (ptukey is only good to 1e-8 and fails for small df):
# Rscript laws.R > ../ranges.golden.json
suppressPackageStartupMessages(library(jsonlite))
quad <- function(f, a, b) integrate(f, a, b, rel.tol = 1e-11, subdivisions = 4000)$value
range_tail <- Vectorize(function(w, k) quad(function(z) k * dnorm(z) * (pnorm(z, lower.tail = FALSE)^(k - 1) - (pnorm(z, lower.tail = FALSE) - pnorm(z + w, lower.tail = FALSE))^(k - 1)), -15, 15), "w")
max_tail <- function(t, lam) vapply(t, function(t) quad(function(z) dnorm(z) * (1 - Reduce(`*`, lapply(lam, function(l) { r <- sqrt(1 - l^2); pnorm((l * z + t) / r) - pnorm((l * z - t) / r) }))), -15, 15), 0)
over_chi <- function(tail, df) if (is.infinite(df)) tail(1) else quad(function(s) exp(log(2) + df / 2 * log(df / 2) - lgamma(df / 2) + (df - 1) * log(s) - df * s^2 / 2) * tail(s), 1e-12, 12)
ranges <- lapply(list(c(3.5, 3, 10), c(3.5, 3, 1), c(4.2, 10, Inf), c(0.5, 5, 12), c(30, 3, 2), c(6, 4, Inf), c(9, 5, 60), c(1, 50, 2)), function(a) c(a[1:2], if (is.infinite(a[3])) 0 else a[3], over_chi(function(s) range_tail(a[1] * s, a[2]), a[3])))
h <- sqrt(.5)
maxima <- lapply(list(list(2.5, c(h, h, h), 20), list(2.5, c(h, h, h), Inf), list(4, c(.6, .8), Inf), list(1.2, c(.3, .5, .9), 8), list(3, c(.2, .97), 5)), function(a) list(t = a[[1]], lambda = a[[2]], df = if (is.infinite(a[[3]])) 0 else a[[3]], p = over_chi(function(s) max_tail(a[[1]] * s, lam = a[[2]]), a[[3]])))
cat(toJSON(list(r = R.version.string, ranges = ranges, maxima = maxima), digits = NA, auto_unbox = TRUE), "\n")
