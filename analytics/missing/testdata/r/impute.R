# Pooled mean and regression of two columns with gaps, imputed by mice (norm, then
# pmm, type 1, 5 donors) many times: Rscript impute.R > ../impute.golden.json
suppressPackageStartupMessages(library(mice))
set.seed(12); n <- 250; x <- round(rnorm(n, 50, 10), 1); z <- rbinom(n, 1, .4); y <- round(20 + .4 * x - 5 * z + rnorm(n, 0, 6), 1); w <- round(10 + .5 * y + rnorm(n, 0, 5), 1)
y[runif(n) < plogis((x - 55) / 8)] <- NA; w[runif(n) < .25] <- NA; d <- data.frame(y, w, x, z)
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(ifelse(is.na(v), "null", num(unname(v))), collapse = ","), "]")
one <- function(method) { i <- mice(d, m = 400, method = c(method, method, "", ""), maxit = 10, printFlag = FALSE, seed = 5, donors = 5); q <- with(i, mean(y)); u <- with(i, var(y) / length(y)); p <- pool.scalar(unlist(q$analyses), unlist(u$analyses), n = n, k = 1); r <- summary(pool(with(i, lm(y ~ x + z + w)))); paste0("{\"mean\":", lst(c(p$qbar, p$ubar, p$b)), ",\"coef\":", lst(r$estimate), ",\"se\":", lst(r$std.error), "}") }
cat("{\"r\":\"", R.version.string, "\",\"mice\":\"", as.character(packageVersion("mice")), "\",\n\"y\":", lst(y), ",\"w\":", lst(w), ",\"x\":", lst(x), ",\"z\":", lst(z), ",\n\"norm\":", one("norm"), ",\n\"pmm\":", one("pmm"), "}\n", sep = "")
