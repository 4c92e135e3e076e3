# Case-mix adjusted gains by domain 4.1's algorithm, with and without provider
# effects while estimating: Rscript casemix.R > ../casemix.golden.json
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
set.seed(4); n <- 240; j <- rep(1:6, c(80, 60, 40, 30, 20, 10)); q <- round(rnorm(n, 40 + 2 * j, 12)); age <- round(rnorm(n, 55, 14)); sex <- rbinom(n, 1, .45)
y <- round(4 + .7 * q + .05 * age - sex + c(0, 3, -2, 1, 4, -5)[j] + rnorm(n, 0, 9)); pred <- round(5 + .65 * q + .04 * age, 1)
out <- function(within) {
  m <- if (within) lm(y ~ q + age + sex + factor(j)) else lm(y ~ q + age + sex)
  b <- coef(m)[c("q", "age", "sex")]; lp <- drop(cbind(q, age, sex) %*% b); yh <- lp + mean(y) - mean(lp); e <- y - yh
  s <- sqrt(sum(e^2) / (n - 4)); d <- tapply(e, j, mean); nj <- tapply(e, j, length); gain <- mean(q) - mean(y)
  paste0("{\"within\":", tolower(within), ",\"slopes\":", lst(b), ",\"sigma\":", num(s), ",\"adjusted_gain\":", lst(gain - d), ",\"difference\":", lst(d), ",\"expected\":", lst(tapply(yh, j, mean)),
    ",\"sd\":", lst(tapply(e, j, sd)), ",\"z\":", lst(-d / (s / sqrt(nj))), "}")
}
e <- y - pred; d <- tapply(e, j, mean) - mean(e)
published <- paste0("{\"sigma\":", num(sd(e)), ",\"adjusted_gain\":", lst(mean(q) - mean(y) - d), ",\"sd\":", lst(tapply(e, j, sd)), ",\"z\":", lst(-d / (sd(e) / sqrt(tapply(e, j, length)))), "}")
cat("{\"r\":\"", R.version.string, "\",\"provider\":", lst(j), ",\"q\":", lst(q), ",\"age\":", lst(age), ",\"sex\":", lst(sex), ",\"y\":", lst(y), ",\"pred\":", lst(pred),
    ",\n\"published\":", published, ",\n\"cases\":[\n", out(FALSE), ",\n", out(TRUE), "\n]}\n", sep = "")
