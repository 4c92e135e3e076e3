# Least squares, HC0-HC4, CR0-CR1S and slopes within groups on mtcars and
# longley: Rscript linear.R > ../linear.golden.json
suppressPackageStartupMessages(library(sandwich))
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
d <- mtcars; d$cyl <- factor(d$cyl)
formulas <- c("mpg ~ wt", "mpg ~ wt + hp + cyl", "mpg ~ wt * cyl", "mpg ~ wt + hp - 1", "mpg ~ wt + I(wt^2) + cyl")
one <- function(f) { m <- lm(as.formula(f), d); s <- summary(m); n <- nobs(m)
  hc <- paste(vapply(paste0("HC", 0:4), function(t) paste0("\"", t, "\":", lst(sqrt(diag(vcovHC(m, type = t))))), ""), collapse = ",")
  G <- length(unique(d$carb)); p <- length(coef(m)); cr0 <- vcovCL(m, cluster = d$carb, type = "HC0", cadjust = FALSE)
  paste0("{\"formula\":\"", f, "\",\"coef\":", lst(coef(m)), ",\"se\":", lst(sqrt(diag(vcov(m)))), ",\"sigma\":", num(s$sigma), ",\"r2\":", num(s$r.squared), ",\"F\":", num(s$fstatistic[1]),
    ",\"loglik\":", num(as.numeric(logLik(m))), ",\"aic\":", num(AIC(m)), ",\"bic\":", num(BIC(m)), ",\"leverage\":", num(max(hatvalues(m))), ",\"cooks\":", num(max(cooks.distance(m))), ",", hc,
    ",\"CR0\":", lst(sqrt(diag(cr0))), ",\"CR1\":", lst(sqrt(diag(cr0) * G / (G - 1))), ",\"CR1S\":", lst(sqrt(diag(cr0) * G / (G - 1) * (n - 1) / (n - p))), "}") }
within <- coef(lm(mpg ~ wt + hp + factor(carb), d))[c("wt", "hp")]
cols <- paste(vapply(c("mpg", "wt", "hp", "carb"), function(v) paste0("\"", v, "\":", lst(d[[v]])), ""), collapse = ",")
cat("{\"r\":\"", R.version.string, "\",\"sandwich\":\"", as.character(packageVersion("sandwich")), "\",\"numbers\":{", cols, "},\"cyl\":[", paste0("\"", d$cyl, "\"", collapse = ","), "],\"within\":", lst(within),
    ",\"cases\":[\n", paste(vapply(formulas, one, ""), collapse = ",\n"), "\n]}\n", sep = "")
