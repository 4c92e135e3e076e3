# Rscript describe.R > ../describe.golden.json
num <- function(v) if (length(v) == 1) sprintf("%.17g", v) else paste0("[", paste(sprintf("%.17g", v), collapse = ","), "]")
desc <- function(x) {
  n <- length(x); m <- mean(x); s <- sd(x); m2 <- mean((x - m)^2); g1 <- mean((x - m)^3) / m2^1.5; g2 <- mean((x - m)^4) / m2^2 - 3
  ci <- t.test(x)$conf.int
  list(x = x, mean = m, sd = s, low = ci[1], high = ci[2], q7 = unname(quantile(x, c(.1, .25, .5, .75, .9), type = 7)), q6 = unname(quantile(x, c(.1, .25, .5, .75, .9), type = 6)),
       q1 = unname(quantile(x, c(.1, .25, .5, .75, .9), type = 1)), mad = mad(x, constant = 1), g1 = g1, G1 = g1 * sqrt(n * (n - 1)) / (n - 2), g2 = g2,
       G2 = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6), trimmed = mean(x, trim = .2))
}
sets <- list(mtcars$mpg, women$height, c(-3, 0, 0, 1, 1e3), sleep$extra, 1e6 + mtcars$qsec)
one <- function(x) { d <- desc(x); paste0("{", paste(paste0("\"", names(d), "\":", vapply(d, num, "")), collapse = ","), "}") }
cat("{\"r\":\"", R.version.string, "\",\"cases\":[\n", paste(vapply(sets, one, ""), collapse = ",\n"), "\n]}\n", sep = "")
