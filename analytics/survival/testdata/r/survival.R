# Cox (ties, weights, strata, clusters), its diagnostics, curves, restricted mean,
# log-rank family, cumulative incidence, Gray and Fine-Gray on a simulated cohort:
# Rscript survival.R > ../survival.golden.json
suppressPackageStartupMessages({ library(survival); library(cmprsk) })
set.seed(41); n <- 150
d <- data.frame(arm = rbinom(n, 1, .5), age = round(rnorm(n, 50, 10)), g = sample(0:2, n, TRUE), site = sample(0:3, n, TRUE), w = round(runif(n, .5, 2), 3), k = sample(1:3, n, TRUE))
t1 <- rexp(n, .06 * exp(.5 * d$arm + .03 * (d$age - 50))); t2 <- rexp(n, .02 * exp(.4 * d$g)); c0 <- runif(n, 1, 40)
d$time <- ceiling(pmin(t1, t2, c0)); d$cause <- ifelse(c0 <= pmin(t1, t2), 0, ifelse(t1 <= t2, 1, 2)); d$ev <- as.integer(d$cause == 1)
C <- coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 100); se <- function(v) sqrt(diag(v))
model <- function(ties, weights = FALSE, strata = FALSE, cluster = FALSE, counts = FALSE) {
  x <- if (counts) d[rep(seq_len(n), d$k), ] else d
  x$u <- if (weights) x$w else 1
  f <- if (strata) Surv(time, ev) ~ arm + age + strata(site) else Surv(time, ev) ~ arm + age
  m <- coxph(f, x, weights = u, ties = ties, control = C, robust = FALSE); x$id <- if (cluster) x$site * 3 + x$g else seq_len(nrow(x))
  r <- coxph(f, x, weights = u, ties = ties, control = C, cluster = id)
  z <- cox.zph(m, transform = "km")$table
  x$lp <- round(m$linear.predictors, 11) # coxph's own are equal only but for rounding
  v <- concordance(if (strata) Surv(time, ev) ~ lp + strata(site) else Surv(time, ev) ~ lp, x, weights = u, reverse = TRUE)
  b <- basehaz(m, centered = FALSE); if (strata) b <- b[b$strata == levels(b$strata)[2], ]
  list(ties = ties, weights = weights, strata = strata, cluster = cluster, counts = counts, coef = coef(m), se = se(vcov(m)), robust = se(vcov(r)), loglik = m$loglik, score = m$score, wald = m$wald.test, zph = z[, 1],
    concordance = c(v$concordance, sqrt(v$var)), hazard = sapply(c(2, 5, 11, 30), function(t) { i <- which(b$time <= t); if (length(i)) b$hazard[max(i)] else 0 })) }
models <- list(model("efron"), model("breslow"), model("efron", TRUE), model("breslow", TRUE), model("efron", strata = TRUE), model("efron", TRUE, TRUE, TRUE), model("efron", counts = TRUE), model("breslow", counts = TRUE, strata = TRUE))
lr <- function(rho, strata = FALSE) survdiff(if (strata) Surv(time, ev) ~ g + strata(site) else Surv(time, ev) ~ g, d, rho = rho)$chisq
s <- summary(survfit(Surv(time, ev) ~ 1, d, weights = w), times = c(3, 9, 20))
aj <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ g, d), times = c(3, 9, 20), extend = TRUE)
ci <- cuminc(d$time, d$cause, d$g, cencode = 0); cs <- cuminc(d$time, d$cause, d$g, strata = d$site, cencode = 0)
tp <- timepoints(ci, c(3, 9, 20)); X <- as.matrix(d[, c("arm", "age")]); fg <- crr(d$time, d$cause, X, gtol = 1e-12)
x <- d; x$s <- factor(x$cause, 0:2, c("c", "a", "b")); x$id <- seq_len(n); q <- finegray(Surv(time, s) ~ ., data = x[, c("arm", "age", "time", "s", "id")], etype = "a", id = id)
fe <- coxph(Surv(fgstart, fgstop, fgstatus) ~ arm + age, q, weights = fgwt, cluster = id, ties = "efron", control = C)
rm <- survival:::survmean(survfit(Surv(time, ev) ~ 1, d), rmean = 25)$matrix
out <- list(r = R.version.string, survival = as.character(packageVersion("survival")), cmprsk = as.character(packageVersion("cmprsk")), data = as.list(d), models = models,
  logrank = c(lr(0), lr(1), lr(.5), lr(0, TRUE)), weighted_curve = s$surv, aj_p1 = aj$pstate[, 2], aj_se1 = aj$std.err[, 2], aj_se2 = aj$std.err[, 3], incidence = c(t(tp$est)), incidence_var = c(t(tp$var)), gray = ci$Tests[, "stat"], gray_strata = cs$Tests[, "stat"],
  crr = fg$coef, crr_se = se(fg$var), crr_loglik = fg$loglik, finegray = coef(fe), finegray_robust = se(vcov(fe)), rmst = unname(rm[c("rmean", "se(rmean)")]))
cat(jsonlite::toJSON(out, digits = I(17), auto_unbox = TRUE, keep_vec_names = FALSE), "\n")
