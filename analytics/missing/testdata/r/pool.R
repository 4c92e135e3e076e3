# Rubin's rules and D1 on random estimates, with mice and mitml:
# Rscript pool.R > ../pool.golden.json
suppressPackageStartupMessages({library(mice); library(mitml)})
set.seed(4); num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
one <- function(m, n, sd) { q <- round(rnorm(m, 2, sd), 3); u <- round(runif(m, .5, 1.5), 3); r <- pool.scalar(q, u, n = n, k = 3); paste0("{\"q\":", lst(q), ",\"u\":", lst(u), ",\"complete\":", num(n - 3), ",\"want\":", lst(c(r$qbar, r$ubar, r$b, r$t, r$df, r$r, r$fmi)), "}") }
d1 <- function(m, n, p) { x <- matrix(round(rnorm(n * p), 2), n); fits <- lapply(1:m, function(i) { d <- data.frame(y = drop(x %*% rep(.2, p)) + rnorm(n), x); lm(y ~ ., d) }); r <- testModels(fits, lapply(fits, function(f) lm(y ~ 1, f$model)), method = "D1")$test
  paste0("{\"q\":[", paste(sapply(fits, function(f) lst(coef(f)[-1])), collapse = ","), "],\"u\":[", paste(sapply(fits, function(f) { V <- vcov(f)[-1, -1, drop = FALSE]; lst(V[upper.tri(V, TRUE)]) }), collapse = ","), "],\"want\":", lst(r[1:5]), "}") }
cat("{\"r\":\"", R.version.string, "\",\"mice\":\"", as.character(packageVersion("mice")), "\",\"mitml\":\"", as.character(packageVersion("mitml")), "\",\n\"pool\":[", paste(c(one(5, 30, 1), one(20, 500, .3), one(2, 12, 2), one(3, 100, .001)), collapse = ",\n"), "],\n\"d1\":[", paste(c(d1(2, 40, 2), d1(5, 60, 3), d1(20, 50, 1)), collapse = ",\n"), "]}\n", sep = "")
