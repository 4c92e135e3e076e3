# Meta-regression, tests of asymmetry, trim and fill, leave one out, and two by two
# tables with zeros: Rscript more.R > ../more.golden.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
set.seed(31)
sei <- runif(9, .1, .7)
sets <- list(
  bcg = list(as.numeric(bcg$yi), as.numeric(bcg$vi), bcg$ablat, bcg$year),
  schools = list(c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18)^2, c(3, 1, 4, 1, 5, 9, 2, 6), c(2, 7, 1, 8, 2, 8, 1, 8)),
  right = list(round(.2 - 2.5*sei + rnorm(9, 0, .1), 3), round(sei^2, 4), 1:9, c(1, 5, 2, 8, 9, 3, 3, 1, 2)),
  left = list(round(.2 + 2.5*sei + rnorm(9, 0, .1), 3), round(sei^2, 4), 1:9, c(1, 5, 2, 8, 9, 3, 3, 1, 2)))
ctl <- list(threshold = 1e-13, maxiter = 100000, stepadj = 0.5)
reg <- function(y, v, mods, method, test) { r <- rma(y, v, mods = mods, method = method, test = test, control = if (method == "REML") ctl else list())
  list(method = method, test = test, coef = as.numeric(r$beta), se = r$se, p = r$pval, low = r$ci.lb, high = r$ci.ub, tau2 = r$tau2, QM = r$QM, QMp = r$QMp, QE = r$QE, QEp = r$QEp, R2 = r$R2, I2 = r$I2) }
cases <- lapply(names(sets), function(n) { s <- sets[[n]]; y <- s[[1]]; v <- s[[2]]; r <- rma(y, v, method = "REML", control = ctl)
  e <- regtest(r, model = "lm", predictor = "sei"); e2 <- regtest(r); k <- suppressWarnings(ranktest(r)); l <- leave1out(r); t <- trimfill(rma(y, v, method = "DL"))
  list(name = n, yi = y, vi = v, mods = s[3:4], one = lapply(c("REML", "DL"), function(m) reg(y, v, cbind(s[[3]]), m, "z")), two = list(reg(y, v, cbind(s[[3]], s[[4]]), "REML", "knha"), reg(y, v, cbind(s[[3]], s[[4]]), "REML", "adhoc")),
    egger = c(e$zval, e$dfs, e$pval), eggerRandom = c(e2$zval, e2$pval), begg = c(unname(k$tau), k$pval), leave = l$estimate, leaveTau2 = l$tau2, k0 = t$k0, side = t$side, filled = as.numeric(t$beta), filledSe = t$se) })
tables <- list(plain = dat.bcg[, c("tpos", "tneg", "cpos", "cneg")], zeros = data.frame(tpos = c(0, 3, 5, 0, 9, 12, 20), tneg = c(20, 22, 25, 15, 24, 0, 40), cpos = c(1, 0, 4, 0, 3, 12, 1), cneg = c(21, 21, 29, 17, 27, 0, 57)))
binary <- lapply(tables, function(d) { n1 <- d$tpos + d$tneg; n0 <- d$cpos + d$cneg; p <- suppressWarnings(rma.peto(ai = d$tpos, n1i = n1, ci = d$cpos, n2i = n0))
  list(tables = unname(split(as.matrix(cbind(d$tpos, n1, d$cpos, n0)), seq_len(nrow(d)))), measures = lapply(c(RR = "RR", OR = "OR", RD = "RD"), function(m) { e <- escalc(m, ai = d$tpos, n1i = n1, ci = d$cpos, n2i = n0); h <- suppressWarnings(rma.mh(ai = d$tpos, n1i = n1, ci = d$cpos, n2i = n0, measure = m))
    list(yi = as.numeric(e$yi), vi = as.numeric(e$vi), mh = c(as.numeric(h$beta), h$se, h$QE)) }), peto = c(as.numeric(p$beta), p$se, p$QE)) })
cat(toJSON(list(r = R.version.string, metafor = as.character(packageVersion("metafor")), cases = cases, binary = binary), auto_unbox = TRUE, digits = NA, null = "null", na = "null", pretty = 1), "\n")
