# Rank tests against stats, coin (exact) and pROC; Hodges-Lehmann and
# Brunner-Munzel by their definitions over all pairs:
# Rscript ranks.R > ../ranks.golden.json
suppressPackageStartupMessages({library(coin); library(pROC); library(jsonlite)})
sets <- list(
  list(mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0]),
  list(sleep$extra[1:10], sleep$extra[11:20]),
  list(c(2, 2, 4, 6, 6, 6, 8, 0), c(1, 2, 2, 3, 6, 0, 0, 0, 4)),
  list(c(12, 40, 8, 22, 22, 30), c(2, 8, 8, -4, 0, 12, 22)),
  list(airquality$Wind[airquality$Month == 5], airquality$Wind[airquality$Month == 8]))
two <- lapply(sets, function(s) {
  a <- s[[1]]; b <- s[[2]]; m <- length(a); n <- length(b)
  d <- sort(as.vector(outer(a, b, "-"))); k <- floor(m * n / 2 - qnorm(.975) * sqrt(m * n * (m + n + 1) / 12))
  w1 <- suppressWarnings(wilcox.test(a, b, exact = FALSE)); w0 <- suppressWarnings(wilcox.test(a, b, exact = FALSE, correct = FALSE))
  ra <- suppressWarnings(wilcox.test(a, b, exact = FALSE, conf.int = TRUE, tol.root = 1e-9))
  y <- c(a, b); g <- factor(rep(c("a", "b"), c(m, n)))
  r <- roc(as.integer(g == "a"), y, direction = "<", quiet = TRUE); ci <- as.numeric(ci.auc(r))
  place1 <- sapply(a, function(v) mean((b < v) + (b == v) / 2)); place0 <- sapply(b, function(v) mean((a < v) + (a == v) / 2))
  v1 <- var(place1) / m; v0 <- var(place0) / n; df <- (v1 + v0)^2 / (v1^2 / (m - 1) + v0^2 / (n - 1)); bm <- (mean(place1) - .5) / sqrt(v1 + v0)
  z <- statistic(wilcox_test(y ~ g)); e <- m + n <= 44
  list(a = a, b = b, U = unname(w1$statistic), p_cc = w1$p.value, p = w0$p.value, z = as.numeric(z),
    hl = c(median(d), d[k], d[m * n - k + 1]), k = k, by_test = c(ra$estimate, ra$conf.int),
    ks = suppressWarnings(unname(ks.test(a, b)$statistic)), auc = as.numeric(r$auc), auc_var = var(r), auc_ci = ci[c(1, 3)],
    bm = c(bm, df, 2 * pt(-abs(bm), df)),
    exact = if (e) as.numeric(pvalue(wilcox_test(y ~ g, distribution = "exact"))),
    perm_z = as.numeric(statistic(oneway_test(y ~ g))), perm_exact = if (e) as.numeric(pvalue(oneway_test(y ~ g, distribution = "exact"))))
})
one <- lapply(list(sleep$extra[11:20] - sleep$extra[1:10], c(-2, 0, 0, 4, 4, 6, -1, 3, 3, 8, 0, -4), mtcars$drat - 3), function(x) {
  v1 <- suppressWarnings(wilcox.test(x, exact = FALSE)); v0 <- suppressWarnings(wilcox.test(x, exact = FALSE, correct = FALSE))
  x0 <- x[x != 0]; o <- outer(x0, x0, "+") / 2; w <- sort(o[lower.tri(o, diag = TRUE)]); n <- length(x0); M <- length(w)
  k <- floor(M / 2 - qnorm(.975) * sqrt(n * (n + 1) * (2 * n + 1) / 24))
  list(x = x, V = unname(v1$statistic), p_cc = v1$p.value, p = v0$p.value, hl = c(median(w), w[k], w[M - k + 1]), k = k)
})
untied <- lapply(list(list(c(1.1, 3.2, 5.5, 2.4, 9.1), c(0.3, 2.2, 1.7, 4.4)), list(c(10.5, 11.25, 14, 18.75, 3), c(1, 2, 4, 5, 6, 7.5, 30))), function(s) {
  w <- wilcox.test(s[[1]], s[[2]], exact = TRUE, conf.int = TRUE)
  list(a = s[[1]], b = s[[2]], U = unname(w$statistic), p = w$p.value, shift = c(w$estimate, w$conf.int))
})
cat(toJSON(list(r = R.version.string, coin = as.character(packageVersion("coin")), pROC = as.character(packageVersion("pROC")), two = two, one = one, untied = untied), digits = NA, auto_unbox = TRUE, null = "null"), "\n")
