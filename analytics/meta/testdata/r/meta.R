# Every estimator of tau² on small, large and homogeneous sets of sites, with the
# Hartung-Knapp and ad hoc variants: Rscript meta.R > ../meta.golden.json
suppressPackageStartupMessages(library(metafor))
num <- function(v) if (is.null(v) || length(v) == 0 || is.na(v)) "null" else sprintf("%.17g", v)
lst <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ","), "]")
e <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(list(as.numeric(e$yi), as.numeric(e$vi)), list(c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18)^2), list(c(1.1, 0.4), c(0.05, 0.09)), list(c(5, 5.1, 4.9, 5.05), c(1, 2, 1.5, 0.5)),
             list(c(-4.2, -1.1, -6.3, -2.2, -3.8), c(0.4, 0.9, 1.2, 0.3, 2.5)))
rows <- character()
for (s in sets) for (me in c("FE", "DL", "REML", "ML", "PM", "HE", "SJ", "HS", "EB")) for (test in c("z", "knha", "adhoc")) {
  if (me == "FE" && test != "z") next
  ctl <- if (me %in% c("REML", "ML", "EB")) list(threshold = 1e-13, maxiter = 100000, stepadj = 0.5) else if (me == "PM") list(tol = 1e-13) else list()
  r <- rma(s[[1]], s[[2]], method = me, test = test, control = ctl, level = 95)
  p <- predict(r); b <- if (me == "FE") NULL else blup(r)
  rows <- c(rows, paste0("{\"yi\":", lst(s[[1]]), ",\"vi\":", lst(s[[2]]), ",\"method\":\"", me, "\",\"test\":\"", test, "\",\"estimate\":", num(r$b[1]), ",\"se\":", num(r$se), ",\"p\":", num(r$pval),
    ",\"low\":", num(r$ci.lb), ",\"high\":", num(r$ci.ub), ",\"tau2\":", num(r$tau2), ",\"se_tau2\":", num(r$se.tau2), ",\"I2\":", num(r$I2), ",\"H2\":", num(r$H2), ",\"Q\":", num(r$QE), ",\"Qp\":", num(r$QEp),
    ",\"pi_low\":", num(p$pi.lb), ",\"pi_high\":", num(p$pi.ub), ",\"blup\":", if (is.null(b)) "null" else lst(b$pred), ",\"blup_se\":", if (is.null(b)) "null" else lst(b$se), "}"))
}
cat("{\"r\":\"", R.version.string, "\",\"metafor\":\"", as.character(packageVersion("metafor")), "\",\"cases\":[\n", paste(rows, collapse = ",\n"), "\n]}\n", sep = "")
