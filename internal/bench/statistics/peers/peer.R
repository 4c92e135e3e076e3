# R on the same rows: Rscript peer.R episodes.csv. Reading is not timed. One
# line a job on stdout: name, seconds, then name=value pairs.
suppressMessages({library(data.table); library(sandwich); library(survival); library(mice)})
d <- as.data.frame(fread(commandArgs(TRUE)[1], stringsAsFactors = TRUE, nThread = 2))
d$imd <- factor(d$imd)
d$risk <- factor(d$risk, levels = c("low", "medium", "high"))
report <- function(job, seconds, values) {
  cat(job, format(seconds, digits = 4), paste0(names(values), "=", format(values, digits = 15, trim = TRUE)), sep = "\t")
  cat("\n")
  flush.console()
}
job <- function(name, f) {
  gc()
  values <- NULL
  seconds <- system.time(values <- f())[["elapsed"]]
  report(name, seconds, values)
}
if (nrow(d) <= 10000) {
  job("bootstrap", function() {
    weighted <- function(d) {
      ps <- fitted(glm(treated ~ baseline + age + male + imd + risk, binomial, d))
      w <- ifelse(d$treated == 1, 1 / ps, 1 / (1 - ps))
      weighted.mean(d$y[d$treated == 1], w[d$treated == 1]) - weighted.mean(d$y[d$treated == 0], w[d$treated == 0])
    }
    set.seed(1)
    c(estimate = weighted(d), se = sd(replicate(500, weighted(d[sample(nrow(d), replace = TRUE), ]))))
  })
  job("imputation", function() {
    k <- d[, c("y", "treated", "baseline", "age", "male", "comorbidity", "back", "leg")]
    i <- seq_len(nrow(k)) - 1
    k$y[i %% 3 == 0 & k$baseline > 30 | i %% 7 == 0] <- NA
    m <- mice(k, m = 20, maxit = 1, method = "norm", seed = 1, printFlag = FALSE)
    s <- summary(pool(with(m, lm(y ~ treated + baseline + age))))
    c(estimate = s$estimate[2], se = s$std.error[2])
  })
  quit("no")
}
job("ancova", function() {
  m <- lm(y ~ treated + baseline + age + male + imd + risk + comorbidity + back + leg + prior, d)
  v <- vcovHC(m, type = "HC1")
  se <- sqrt(diag(v))
  c(estimate = coef(m)[["treated"]], se = se[["treated"]], age_se = se[["age"]], leg = coef(m)[["leg"]])
})
job("propensity", function() {
  ps <- fitted(glm(treated ~ baseline + age + male + imd + risk, binomial, d))
  w <- ifelse(d$treated == 1, 1 / ps, 1 / (1 - ps))
  ipw <- weighted.mean(d$y[d$treated == 1], w[d$treated == 1]) - weighted.mean(d$y[d$treated == 0], w[d$treated == 0])
  f <- y ~ baseline + age + male + imd + risk
  m1 <- predict(lm(f, d[d$treated == 1, ]), d)
  m0 <- predict(lm(f, d[d$treated == 0, ]), d)
  phi <- m1 - m0 + d$treated * (d$y - m1) / ps - (1 - d$treated) * (d$y - m0) / (1 - ps)
  c(ipw = ipw, aipw = mean(phi), aipw_se = sqrt(sum((phi - mean(phi))^2)) / length(phi))
})
job("kaplan_meier", function() {
  s <- summary(survfit(Surv(time, event) ~ treated, d), times = c(50, 100, 200))
  c(control_100 = s$surv[2], treated_100 = s$surv[5], treated_se_200 = s$std.err[6])
})
if (nrow(d) <= 1000000) job("cox", function() {
  m <- coxph(Surv(time, event) ~ treated + age + male + baseline + comorbidity, d, ties = "efron")
  c(treated = coef(m)[["treated"]], age = coef(m)[["age"]], se = sqrt(diag(vcov(m)))[["treated"]])
})
