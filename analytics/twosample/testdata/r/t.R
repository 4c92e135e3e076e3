# Rscript t.R > ../t.golden.json
num <- function(v) ifelse(is.infinite(v), ifelse(v > 0, "1e999", "-1e999"), sprintf("%.17g", v))
lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
sets <- list(list(mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0]), list(sleep$extra[1:10], sleep$extra[11:20]), list(c(1, 2), c(5, 9, 4)), list(c(3, 3, 3), c(1, 2, 4, 8)))
rows <- character()
for (s in sets) for (eq in c(FALSE, TRUE)) for (alt in c("two.sided", "greater", "less")) for (lev in c(.9, .95)) {
  r <- t.test(s[[1]], s[[2]], var.equal = eq, alternative = alt, conf.level = lev)
  ci <- r$conf.int; ci[is.infinite(ci)] <- 0
  rows <- c(rows, paste0("{\"a\":", lst(s[[1]]), ",\"b\":", lst(s[[2]]), ",\"pooled\":", tolower(eq), ",\"alternative\":\"", alt, "\",\"level\":", lev,
    ",\"t\":", num(r$statistic), ",\"df\":", num(r$parameter), ",\"p\":", num(r$p.value), ",\"se\":", num(r$stderr), ",\"low\":", num(ci[1]), ",\"high\":", num(ci[2]), "}"))
}
cat("{\"r\":\"", R.version.string, "\",\"cases\":[\n", paste(rows, collapse = ",\n"), "\n]}\n", sep = "")
