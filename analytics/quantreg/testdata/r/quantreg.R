# Quantile regression of engel and of whole-number scores by quantreg:
# Rscript quantreg.R > ../quantreg.golden.json
suppressPackageStartupMessages(library(quantreg)); data(engel)
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
set.seed(11); s <- data.frame(x = sample(0:10, 300, TRUE), z = rbinom(300, 1, .4)); s$y <- pmin(pmax(round(2 + .6 * s$x - s$z + rnorm(300, 0, 2)), 0), 10)
one <- function(name, d, fm, tau) { m <- rq(fm, tau, d, method = "br"); v <- suppressWarnings(summary(m, se = "nid"))$coefficients[, 2]
  paste0("{\"data\":\"", name, "\",\"formula\":\"", deparse(fm), "\",\"tau\":", num(tau), ",\"coef\":", lst(coef(m)), ",\"nid\":", lst(v), ",\"rho\":", num(m$rho), "}") }
taus <- c(.1, .25, .5, .75, .9)
cases <- c(vapply(taus, function(t) one("engel", engel, foodexp ~ income, t), ""), vapply(taus, function(t) one("scores", s, y ~ x + z, t), ""))
dat <- function(d) paste0("{", paste(vapply(names(d), function(k) paste0("\"", k, "\":", lst(d[[k]])), ""), collapse = ","), "}")
cat("{\"r\":\"", R.version.string, "\",\"quantreg\":\"", as.character(packageVersion("quantreg")), "\",\n\"engel\":", dat(engel), ",\n\"scores\":", dat(s), ",\n\"cases\":[", paste(suppressWarnings(cases), collapse = ",\n"), "]}\n", sep = "")
