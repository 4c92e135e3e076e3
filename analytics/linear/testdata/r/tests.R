# Type II sums of squares, variance inflation, Breusch-Pagan (Koenker), RESET,
# Lin's estimator, Wald, intraclass correlation on mtcars, each by its definition
# with lm: Rscript tests.R > ../tests.golden.json
suppressPackageStartupMessages(library(sandwich))
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
d <- mtcars; d$cyl <- factor(d$cyl)
rss <- function(f) deviance(lm(f, d)); m <- lm(mpg ~ wt * cyl + hp, d)
ss <- c(wt = rss(mpg ~ cyl + hp) - rss(mpg ~ wt + cyl + hp), cyl = rss(mpg ~ wt + hp) - rss(mpg ~ wt + cyl + hp), hp = rss(mpg ~ wt * cyl) - deviance(m), int = rss(mpg ~ wt + cyl + hp) - deviance(m))
df <- c(1, 2, 1, 2); F <- ss / df / (deviance(m) / df.residual(m)); p <- pf(F, df, df.residual(m), lower.tail = FALSE)
v <- lm(mpg ~ wt + cyl + hp, d); R <- cov2cor(vcov(v)[-1, -1]); det2 <- function(i) det(R[i, i, drop = FALSE]); gv <- function(i) det2(i) * det2(setdiff(1:4, i)) / det(R)
e2 <- residuals(v)^2; bp <- nrow(d) * summary(update(v, e2 ~ .))$r.squared
d$f2 <- fitted(v)^2; d$f3 <- fitted(v)^3; rs <- anova(v, update(v, . ~ . + f2 + f3))
d$w <- d$wt - mean(d$wt); d$h <- d$hp - mean(d$hp); l <- lm(mpg ~ am * (w + h), d); lse <- sqrt(vcovHC(l, "HC2")["am", "am"])
V <- vcovHC(m, "HC3"); i <- grep(":", names(coef(m))); W <- drop(coef(m)[i] %*% solve(V[i, i]) %*% coef(m)[i])
g <- factor(d$carb); a <- anova(lm(mpg ~ g, d)); n <- as.numeric(table(g)); n0 <- (sum(n) - sum(n^2) / sum(n)) / (length(n) - 1); ms <- a$`Mean Sq`
x <- d$hp; k <- quantile(x, c(.05, .35, .65, .95)); pos <- function(z) pmax(z, 0)^3
B <- sapply(1:2, function(j) (pos(x - k[j]) - pos(x - k[3]) * (k[4] - k[j]) / (k[4] - k[3]) + pos(x - k[4]) * (k[3] - k[j]) / (k[4] - k[3])) / (k[4] - k[1])^2)
cat("{\"r\":\"", R.version.string, "\",\"ss\":", lst(ss), ",\"f\":", lst(F), ",\"p\":", lst(p), ",\"gvif\":", lst(c(gv(1), gv(2:3), gv(4))), ",\"bp\":", lst(c(bp, pchisq(bp, 4, lower.tail = FALSE))),
    ",\"reset\":", lst(c(rs$F[2], rs$`Pr(>F)`[2])), ",\"lin\":", lst(c(coef(l)["am"], lse)), ",\"wald\":", lst(c(W, pchisq(W, 2, lower.tail = FALSE))),
    ",\"icc\":", lst(c(ms, n0, (ms[1] - ms[2]) / (ms[1] + (n0 - 1) * ms[2]), a$F[1])), ",\"am\":", lst(d$am), ",\"knots\":", lst(k), ",\"basis\":", lst(c(B[, 1], B[, 2])), "}\n", sep = "")
