# Golden numbers of the back-pain trial (Ashar and others, 2022): group means and
# the baseline-adjusted difference of pain, PRT against each other arm.
#   Rscript trial.R FILE > ../trial.golden.json
# Arms: 1 PRT, 2 placebo, 3 usual care. Complete cases of pain at both visits.
library(sandwich)
d <- read.csv(commandArgs(TRUE)[1], na.strings = c("", "NA", "NaN"))
d <- d[d$is_patient == 1, ]
w <- merge(d[d$time == 1, c("id", "group", "pain_avg")], d[d$time == 2, c("id", "pain_avg")],
           by = "id", suffixes = c("_1", "_2"), all.x = TRUE)
w <- w[!is.na(w$pain_avg_1) & !is.na(w$pain_avg_2), ]
arm <- function(g) {
  x <- w[w$group == g, ]
  sprintf('{"n": %d, "mean_baseline": %.17g, "mean_follow_up": %.17g, "std_dev": %.17g}',
          nrow(x), mean(x$pain_avg_1), mean(x$pain_avg_2), sd(x$pain_avg_2))
}
contrast <- function(control) {
  x <- w[w$group %in% c(1, control), ]
  x$treated <- as.integer(x$group == 1)
  t <- t.test(x$pain_avg_2[x$treated == 1], x$pain_avg_2[x$treated == 0])
  m <- lm(pain_avg_2 ~ treated + pain_avg_1, x)
  b <- coef(m)[["treated"]]
  s <- sqrt(vcovHC(m, "HC3")["treated", "treated"])
  q <- qt(.975, m$df.residual)
  sprintf('{"control": %d, "crude": {"estimate": %.17g, "std_err": %.17g, "lower": %.17g, "upper": %.17g, "p_value": %.17g},\n   "ancova": {"estimate": %.17g, "std_err": %.17g, "lower": %.17g, "upper": %.17g, "p_value": %.17g}, "n": %d}',
          control, -diff(t$estimate)[[1]], t$stderr, t$conf.int[1], t$conf.int[2], t$p.value,
          b, s, b - q * s, b + q * s, 2 * pt(-abs(b / s), m$df.residual), nrow(x))
}
cat(sprintf('{"r": "%s", "sandwich": "%s",\n "calls": ["t.test(y[treated], y[control])", "lm(pain_avg_2 ~ treated + pain_avg_1)", "vcovHC(m, \\"HC3\\")"],\n "arms": {"1": %s,\n  "2": %s,\n  "3": %s},\n "contrasts": [\n  %s,\n  %s]}\n',
            R.version.string, packageVersion("sandwich"), arm(1), arm(2), arm(3), contrast(3), contrast(2)))
