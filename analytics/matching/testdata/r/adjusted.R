# People in pairs, regressed, pairs as clusters: Rscript adjusted.R > ../adjusted.golden.json
suppressMessages(library(sandwich))
set.seed(3)
n <- 40
t <- rep(c(1, 0), n)
a <- round(rnorm(2 * n, 50, 10)); b <- rbinom(2 * n, 1, .4)
y <- round(10 + .5 * a + 3 * b - 6 * t + rnorm(2 * n, 0, 4), 1)
m <- lm(y ~ t + a + b)
f <- function(v) paste0("[", paste(format(v, digits = 17, trim = TRUE), collapse = ","), "]")
cat(sprintf('{"R":"%s","sandwich":"%s","a":%s,"b":%s,"y":%s,"value":%.17g,"stdErr":%.17g,"df":%d}\n', getRversion(), packageVersion("sandwich"),
  f(a), f(b), f(y), coef(m)[["t"]], sqrt(vcovCL(m, rep(1:n, each = 2), type = "HC1")["t", "t"]), n - 1L))
