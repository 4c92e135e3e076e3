# t tests, responsiveness (metafor::escalc), reliable change and sign test:
# Rscript paired.R > ../paired.golden.json
suppressPackageStartupMessages(library(metafor))
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
sets <- list(list(sleep$extra[1:10], sleep$extra[11:20]), list(anscombe$x1, anscombe$y1), list(c(40, 52, 61), c(30, 52, 44)))
rows <- character()
for (s in sets) for (lev in c(.9, .95)) { r <- t.test(s[[2]], s[[1]], paired = TRUE, conf.level = lev)
  a <- s[[1]]; b <- s[[2]]; n <- length(a); x <- escalc("SMCR", m1i = mean(b), m2i = mean(a), sd1i = sd(a), ni = n, ri = cor(a, b)); y <- escalc("SMCC", m1i = mean(b), m2i = mean(a), sd1i = sd(b), sd2i = sd(a), ni = n, ri = cor(a, b))
  sem <- sd(a) * sqrt(1 - .8); rci <- (b - a) / (sem * sqrt(2)); sg <- binom.test(sum(b > a), sum(b != a))
  rows <- c(rows, paste0("{\"first\":", lst(s[[1]]), ",\"second\":", lst(s[[2]]), ",\"level\":", lev, ",\"mean\":", num(r$estimate), ",\"se\":", num(r$stderr), ",\"low\":", num(r$conf.int[1]),
    ",\"high\":", num(r$conf.int[2]), ",\"t\":", num(r$statistic), ",\"p\":", num(r$p.value), ",\"sd\":", num(sd(s[[2]] - s[[1]])), ",\"r\":", num(cor(s[[1]], s[[2]])),
    ",\"smcr\":", lst(c(x$yi, x$vi)), ",\"smcc\":", lst(c(y$yi, y$vi)), ",\"rci\":", lst(c(sem, sum(rci > 1.96), sum(rci < -1.96), sum(abs(rci) <= 1.96))), ",\"sign\":", lst(c(sum(b > a), sum(b != a), sg$p.value)), "}")) }
cat("{\"r\":\"", R.version.string, "\",\"cases\":[\n", paste(rows, collapse = ",\n"), "\n]}\n", sep = "")
