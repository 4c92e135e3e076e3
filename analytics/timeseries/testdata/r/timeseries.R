# Interrupted series with gaps, seasons and negative correlation, and trends with
# ties: Rscript timeseries.R > ../timeseries.golden.json
suppressPackageStartupMessages({library(sandwich); library(lmtest); library(nlme); library(jsonlite)})
set.seed(11)
n <- 40
t <- 1:n; post <- as.integer(t > 22); tp <- pmax(0, t - 22)
series <- list(
  positive = round(10 + .1*t + 2*post + as.numeric(arima.sim(list(ar = .5), n)), 3),
  negative = round(5 - .05*t + as.numeric(arima.sim(list(ar = -.4), n)), 3),
  gaps = round(8 + .2*tp + as.numeric(arima.sim(list(ar = .4), n)), 3))
keep <- list(positive = 1:n, negative = 1:n, gaps = setdiff(1:n, c(4, 5, 17, 30)))
cases <- list()
for (name in names(series)) for (season in c(0, 12)) {
  k <- keep[[name]]; d <- data.frame(y = series[[name]][k], t = t[k], post = post[k], tp = tp[k])
  m <- if (season > 0) lm(y ~ t + post + tp + sin(2*pi*t/season) + cos(2*pi*t/season), d) else lm(y ~ t + post + tp, d)
  se <- function(v) unname(sqrt(diag(v)))
  bg <- bgtest(m, order = 3); e <- resid(m); lb <- Box.test(e, lag = 6, type = "Ljung-Box")
  g <- lapply(c("REML", "ML"), function(method) { r <- gls(y ~ t + post + tp, d, correlation = corAR1(form = ~ t), method = method, control = glsControl(tolerance = 1e-12, msTol = 1e-14, maxIter = 500))
    list(coef = unname(coef(r)), se = se(vcov(r)), phi = unname(coef(r$modelStruct$corStruct, unconstrained = FALSE)), sigma = r$sigma, loglik = as.numeric(logLik(r))) })
  cases[[length(cases) + 1]] <- list(name = name, season = season, y = d$y, t = d$t, post = d$post, since = d$tp, coef = unname(coef(m)),
    nw = se(NeweyWest(m, lag = 5, prewhite = FALSE, adjust = FALSE)), adjusted = se(NeweyWest(m, lag = 5, prewhite = FALSE, adjust = TRUE)), automatic = se(NeweyWest(m, prewhite = FALSE, adjust = TRUE)),
    bandwidth = bwNeweyWest(m, prewhite = FALSE), dw = unname(dwtest(m)$statistic), bg = unname(bg$statistic), bg_p = unname(bg$p.value), lb = unname(lb$statistic), acf = as.numeric(acf(e, lag.max = 6, plot = FALSE)$acf)[-1],
    reml = g[[1]], ml = g[[2]])
}
trends <- lapply(list(series$positive, c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5), c(2, 2, 2, 1)), function(y) {
  k <- suppressWarnings(cor.test(seq_along(y), y, method = "kendall", exact = FALSE, continuity = TRUE))
  list(y = y, tau = unname(k$estimate), z = unname(k$statistic), p = k$p.value, slope = median(unlist(lapply(1:(length(y) - 1), function(i) (y[(i + 1):length(y)] - y[i])/(seq_len(length(y) - i)))))) })
cat(toJSON(list(r = R.version.string, sandwich = as.character(packageVersion("sandwich")), lmtest = as.character(packageVersion("lmtest")), nlme = as.character(packageVersion("nlme")), cases = cases, trends = trends), auto_unbox = TRUE, digits = NA, pretty = 1), "\n")
