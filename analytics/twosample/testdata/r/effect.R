# Effect sizes by their definitions, limits by stats::pt and uniroot (effectsize
# 0.8.3 minimises instead, to some 1e-4), and var.test; values checked against
# effectsize and metafor: Rscript effect.R > ../effect.golden.json
suppressPackageStartupMessages({library(effectsize); library(metafor); library(jsonlite)})
ncp <- function(t, df) c(uniroot(function(n) pt(t, df, n, lower.tail = FALSE) - .025, c(t - 8 - abs(t), t), tol = 1e-14)$root, uniroot(function(n) pt(t, df, n) - .025, c(t, t + 8 + abs(t)), tol = 1e-14)$root)
cases <- lapply(list(list(mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0]), list(sleep$extra[1:10], sleep$extra[11:20]), list(c(1, 5, 9, 14), c(2, 3, 5)), list(c(10, 12, 11.5, 14, 12), c(2, 3, 2.5, 2.75))), function(s) { a <- s[[1]]; b <- s[[2]]; m <- length(a); n <- length(b)
  d <- cohens_d(a, b)$Cohens_d; g <- hedges_g(a, b)$Hedges_g; gl <- glass_delta(a, b)$Glass_delta; h <- sqrt(1/m + 1/n); e <- escalc("SMD", m1i = mean(a), sd1i = sd(a), n1i = m, m2i = mean(b), sd2i = sd(b), n2i = n)
  hg <- sqrt(1/n + var(a) / (m * var(b))); v <- var.test(a, b)
  list(a = a, b = b, d = c(d, ncp(d/h, m + n - 2) * h), g = g, glass = c(gl, ncp(gl/hg, n - 1) * hg), escalc = c(e$yi, e$vi), variance = c(v$statistic, v$conf.int, v$p.value)) })
cat(toJSON(list(r = R.version.string, effectsize = as.character(packageVersion("effectsize")), metafor = as.character(packageVersion("metafor")), cases = cases), digits = NA, auto_unbox = TRUE), "\n")
