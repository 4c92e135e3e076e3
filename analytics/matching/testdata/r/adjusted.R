# Differences within pairs, regressed: Rscript adjusted.R > ../adjusted.golden.json
suppressMessages(library(sandwich))
set.seed(3)
n <- 40
t <- rep(c(1, 0), n)
a <- round(rnorm(2 * n, 50, 10)); b <- rbinom(2 * n, 1, .4)
y <- round(10 + .5 * a + 3 * b - 6 * t + rnorm(2 * n, 0, 4), 1)
d <- function(v) v[t == 1] - v[t == 0]
m <- lm(d(y) ~ d(a) + d(b))
f <- function(v) paste0("[", paste(format(v, digits = 17, trim = TRUE), collapse = ","), "]")
cat(sprintf('{"R":"%s","sandwich":"%s","a":%s,"b":%s,"y":%s,"value":%.17g,"stdErr":%.17g,"df":%d}\n', getRversion(), packageVersion("sandwich"),
  f(a), f(b), f(y), coef(m)[[1]], sqrt(vcovHC(m, type = "HC3")[1, 1]), m$df.residual))
