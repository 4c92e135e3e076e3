# Generalised estimating equations by geepack and gee on geepack's ohio and on
# Orange: Rscript gee.R > ../gee.golden.json
suppressPackageStartupMessages({library(geepack); library(gee)})
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
ctl <- geese.control(epsilon = 1e-13, maxit = 500)
one <- function(name, fm, d, fam, cs) { m <- geeglm(fm, id = id, waves = wave, data = d, family = fam, corstr = cs, control = ctl)
  paste0("{\"data\":\"", name, "\",\"formula\":\"", deparse(fm), "\",\"family\":\"", fam, "\",\"structure\":\"", cs, "\",\"coef\":", lst(coef(m)), ",\"robust\":", lst(summary(m)$coefficients$Std.err), ",\"naive\":", lst(sqrt(diag(m$geese$vbeta.naiv))), ",\"alpha\":", if (length(m$geese$alpha)) lst(m$geese$alpha) else "[]", ",\"scale\":", num(m$geese$gamma), ",\"qic\":", num(QIC(m)[["QIC"]]), "}") }
o <- ohio[ohio$id %% 3 == 0, ]; o$wave <- o$age + 3; o$y <- o$resp; set.seed(3); o <- o[runif(nrow(o)) > .2, ]; o <- o[order(o$id, o$wave), ]
x <- as.data.frame(Orange); x$id <- as.integer(as.character(x$Tree)); x$wave <- ave(x$age, x$id, FUN = seq_along); x$y <- x$circumference; x <- x[order(x$id, x$wave), ]
gee1 <- function(fm, d, fam) { invisible(capture.output(m <- suppressMessages(gee(fm, id = id, data = d, family = fam, corstr = "exchangeable", tol = 1e-13, maxiter = 500)))); s <- summary(m)$coefficients
  paste0("{\"coef\":", lst(s[, 1]), ",\"naive\":", lst(s[, 2]), ",\"robust\":", lst(s[, 4]), ",\"alpha\":", lst(m$working.correlation[1, 2]), ",\"scale\":", num(m$scale), "}") }
cases <- c(vapply(c("independence", "exchangeable", "ar1"), function(cs) one("ohio", y ~ wave + smoke, o, "binomial", cs), ""),
  vapply(c("independence", "exchangeable", "ar1", "unstructured"), function(cs) one("orange", y ~ age, x[x$wave < 5, ], "gaussian", cs), ""), vapply(c("exchangeable", "ar1"), function(cs) one("orange", y ~ age, x[x$wave < 5, ], "poisson", cs), ""))
dat <- function(d, v) paste0("{", paste(vapply(v, function(k) paste0("\"", k, "\":", lst(d[[k]])), ""), collapse = ","), "}")
cat("{\"r\":\"", R.version.string, "\",\"geepack\":\"", as.character(packageVersion("geepack")), "\",\"gee\":\"", as.character(packageVersion("gee")), "\",\n\"ohio\":", dat(o, c("id", "wave", "y", "smoke")), ",\n\"orange\":", dat(x[x$wave < 5, ], c("id", "wave", "y", "age")),
  ",\n\"cases\":[", paste(cases, collapse = ",\n"), "],\n\"liang_zeger\":", gee1(y ~ wave + smoke, o, "binomial"), "}\n", sep = "")
