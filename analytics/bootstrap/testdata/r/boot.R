# boot.ci of few replicates, so that ends fall between order statistics and
# outside them: Rscript boot.R > ../boot.golden.json
suppressPackageStartupMessages(library(boot))
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
one <- function(seed, n, R, conf) { set.seed(seed); x <- round(rexp(n, .1)); b <- boot(x, function(d, i) mean(d[i]), R); L <- empinf(b, type = "jack"); z <- suppressWarnings(boot.ci(b, conf = conf, L = L, type = c("norm", "basic", "perc", "bca")))
  paste0("{\"x\":", lst(x), ",\"t\":", lst(b$t), ",\"l\":", lst(L), ",\"level\":", num(conf), ",\"want\":", lst(c(b$t0, z$normal[2:3], z$basic[4:5], z$percent[4:5], z$bca[4:5])), "}") }
cat("{\"r\":\"", R.version.string, "\",\"boot\":\"", as.character(packageVersion("boot")), "\",\n\"cases\":[", paste(c(one(1, 20, 99, .95), one(2, 15, 137, .9), one(3, 12, 25, .95), one(4, 40, 200, .8)), collapse = ",\n"), "]}\n", sep = "")
