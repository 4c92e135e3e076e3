# Rscript paired.R > ../paired.golden.json
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
sets <- list(list(sleep$extra[1:10], sleep$extra[11:20]), list(anscombe$x1, anscombe$y1), list(c(40, 52, 61), c(30, 52, 44)))
rows <- character()
for (s in sets) for (lev in c(.9, .95)) { r <- t.test(s[[2]], s[[1]], paired = TRUE, conf.level = lev)
  rows <- c(rows, paste0("{\"first\":", lst(s[[1]]), ",\"second\":", lst(s[[2]]), ",\"level\":", lev, ",\"mean\":", num(r$estimate), ",\"se\":", num(r$stderr), ",\"low\":", num(r$conf.int[1]),
    ",\"high\":", num(r$conf.int[2]), ",\"t\":", num(r$statistic), ",\"p\":", num(r$p.value), ",\"sd\":", num(sd(s[[2]] - s[[1]])), ",\"r\":", num(cor(s[[1]], s[[2]])), "}")) }
cat("{\"r\":\"", R.version.string, "\",\"cases\":[\n", paste(rows, collapse = ",\n"), "\n]}\n", sep = "")
