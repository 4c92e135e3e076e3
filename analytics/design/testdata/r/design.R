# Column names, codings and sums of R's model.matrix for the formulas that
# analytics/design must read alike: Rscript design.R > ../design.golden.json
d <- data.frame(
  y = c(3, 5, 2, 8, 7, 1, 4, 6, 9, 10, 12, 11),
  x = c(1, 2, 4, 3, 5, 7, 6, 8, 2, 9, 1, 5),
  z = c(0.5, 1.5, 0.25, 2, 1, 3, 0.75, 1.25, 2.5, 1.75, 0.1, 2.25),
  a = factor(c("u", "v", "w", "u", "v", "w", "u", "v", "w", "u", "v", "w"), levels = c("u", "v", "w")),
  b = factor(c("p", "p", "q", "q", "q", "p", "p", "q", "q", "p", "q", "q")),
  k = c(1, 2, 3, 1, 2, 3, 3, 2, 1, 1, 2, 3))
formulas <- c(
  "y ~ x", "y ~ 1", "y ~ x - 1", "y ~ 0 + x", "y ~ -1 + a", "y ~ a", "y ~ a + b", "y ~ a * b", "y ~ a:b", "y ~ a:b - 1",
  "y ~ a + a:b", "y ~ b:a", "y ~ x + b:a", "y ~ a + b - 1", "y ~ x:a", "y ~ x:a - 1", "y ~ x * a", "y ~ a + x:a", "y ~ x + x:a",
  "y ~ I(x^2)", "y ~ x + I(x^2) + I(z*2)", "y ~ I(x/2 + z)", "y ~ I(-x)", "y ~ factor(k)", "y ~ factor(k) * b", "y ~ poly(x,2)", "y ~ poly(x, 3) + a",
  "y ~ log(z) + sqrt(x)", "y ~ (a + b + x)^2", "y ~ (a + b + x)^3", "y ~ a * b * x", "y ~ a * b - a", "y ~ a * b - b", "y ~ a/b", "y ~ b/x",
  "y ~ x + a + x", "y ~ a*x - a:x", "y ~ I(x*z):a", "y ~ b*poly(x,2)", "y ~ a:x + b:x", "log(y) ~ x", "I(y - x) ~ z", "y ~ a:b:x + a", "y ~ 0 + b + a", "~ x + a",
  "y ~ I(x > 4)", "y ~ (x >= 4) * a", "y ~ I(x == 2):b", "y ~ I(x != 2) - 1", "y ~ I((x > 4) * z)", "y ~ x + I(pmax(x - 4, 0))", "y ~ pmin(x, z * 2) + log2(z) + log10(x)", "y ~ log1p(x) + I(2 * (x <= 4) + z)", "I(y > 5) ~ x")
q <- function(s) paste0("\"", gsub("\"", "\\\\\"", s), "\"")
num <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ","), "]")
one <- function(f) {
  m <- model.matrix(as.formula(f), d)
  t <- terms(as.formula(f))
  y <- if (attr(t, "response") == 1) model.response(model.frame(as.formula(f), d)) else numeric()
  paste0("{\"formula\":", q(f), ",\"names\":[", paste(q(colnames(m)), collapse = ","), "],\"labels\":[", paste(vapply(attr(t, "term.labels"), q, ""), collapse = ","),
         "],\"assign\":", num(attr(m, "assign")), ",\"sums\":", num(colSums(m)), ",\"weighted\":", num(colSums(m * (1:12))), ",\"y\":", num(unname(y)), "}")
}
cols <- paste0("\"y\":", num(d$y), ",\"x\":", num(d$x), ",\"z\":", num(d$z), ",\"k\":", num(d$k))
facs <- paste0("\"a\":[", paste(q(as.character(d$a)), collapse = ","), "],\"b\":[", paste(q(as.character(d$b)), collapse = ","), "]")
cat("{\"r\":", q(R.version.string), ",\n\"numbers\":{", cols, "},\n\"factors\":{", facs, "},\n\"cases\":[\n", paste(vapply(formulas, one, ""), collapse = ",\n"), "\n]}\n", sep = "")
