# Two-stage least squares and differences in differences on small samples:
# Rscript quasi.R > ../quasi.golden.json
suppressPackageStartupMessages({library(AER); library(sandwich); library(clubSandwich); library(estimatr); library(jsonlite)})
set.seed(21)
n <- 120
d <- data.frame(g = rep(1:12, 10), z1 = round(rnorm(n), 3), z2 = rnorm(n), w = round(rnorm(n, 50, 10)))
u <- rnorm(n)
d$x1 <- as.numeric(d$z1 + u + rnorm(n) > 0); d$x2 <- round(.6*d$z2 + .5*u + rnorm(n), 2); d$y <- round(3 + 2*d$x1 - d$x2 + .1*d$w + 2*u + rnorm(n), 2)
se <- function(v) unname(sqrt(diag(v)))
fits <- lapply(c("y ~ x1 + w | z1 + w", "y ~ x1 + w | z1 + z2 + w", "y ~ x1 + x2 + w | z1 + z2 + I(z1 * z2) + w", "y ~ x1 + w - 1 | z1 + z2 + w - 1"), function(f) {
  m <- ivreg(as.formula(f), data = d); s <- summary(m, diagnostics = TRUE)
  list(formula = f, coef = unname(coef(m)), se = se(vcov(m)), sigma = s$sigma, hc0 = se(sandwich(m)), hc1 = se(vcovHC(m, "HC1")), cr1s = se(vcovCL(m, cluster = d$g, type = "HC1")),
    hc2 = unname(iv_robust(as.formula(f), d, se_type = "HC2")$std.error), diagnostics = unname(split(s$diagnostics, row(s$diagnostics))))
})
p <- data.frame(unit = rep(1:9, each = 6), month = rep(1:6, 9)); p$treated <- as.integer(p$unit <= 4); p$post <- as.integer(p$month > 3)
p$y <- round(10 + rnorm(9)[p$unit] + 1.5*p$treated*p$post + rnorm(54), 2); p <- p[-c(3, 10, 11, 29), ]
m <- lm(y ~ treated * post, p); v2 <- vcovCR(m, cluster = p$unit, type = "CR2"); ct <- coef_test(m, vcov = v2, test = "Satterthwaite")
w <- lm(y ~ I(treated*post) + factor(unit) + factor(month), p)
did <- list(unit = p$unit, month = p$month, treated = p$treated, post = p$post, y = p$y, estimate = coef(m)[[4]], classical = se(vcov(m))[4], hc1 = se(vcovHC(m, "HC1"))[4], cr1s = se(vcovCL(m, cluster = p$unit, type = "HC1"))[4],
  cr2 = se(v2)[4], df = ct$df_Satt[4], p = ct$p_Satt[4], twfe = coef(w)[[2]], twfe_classical = se(vcov(w))[2], twfe_cr1s = se(vcovCL(w, cluster = p$unit, type = "HC1"))[2])
cat(toJSON(list(r = R.version.string, AER = as.character(packageVersion("AER")), clubSandwich = as.character(packageVersion("clubSandwich")), data = d, fits = fits, did = did), dataframe = "columns", auto_unbox = TRUE, digits = NA, na = "null", pretty = 1), "\n")
