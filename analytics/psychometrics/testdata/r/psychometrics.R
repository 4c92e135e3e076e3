# Agreement, alpha and anchors against psych, epiR, pROC and glm:
# Rscript psychometrics.R > ../psychometrics.golden.json
suppressPackageStartupMessages({library(psych); library(epiR); library(pROC); library(jsonlite)})
agree <- lapply(list(list(anscombe$y1, anscombe$y2), list(sleep$extra[1:10], sleep$extra[11:20]), list(c(40, 42, 20, 66, 8, 30), c(38, 44, 28, 60, 10, 40)), list(c(1, 2, 3, 4, 5, 6), c(6, 4, 5, 3, 1, 2))), function(s) { a <- s[[1]]; b <- s[[2]]
  i <- suppressWarnings(ICC(cbind(a, b), lmer = FALSE)$results); c <- epi.ccc(a, b)$rho.c; p <- cor.test(a, b); sp <- suppressWarnings(cor.test(a, b, method = "spearman", exact = FALSE))
  list(a = a, b = b, icc = i$ICC, low = i$`lower bound`, high = i$`upper bound`, ccc = c(c$est, c$lower, c$upper), pearson = c(p$estimate, p$conf.int, p$p.value), spearman = c(sp$estimate, sp$p.value)) })
alpha <- lapply(list(attitude[, 1:7], attitude[, c(2, 5)], attitude[1:12, 3:6]), function(X) { X <- as.matrix(X); k <- ncol(X); n <- nrow(X); a <- suppressWarnings(psych::alpha(X, check.keys = FALSE))
  list(x = unname(lapply(seq_len(k), function(j) X[, j])), raw = a$total$raw_alpha, std = a$total$std.alpha, without = a$alpha.drop$raw_alpha, rest = a$item.stats$r.drop,
    feldt = 1 - (1 - a$total$raw_alpha) * qf(c(.975, .025), n - 1, (n - 1) * (k - 1))) })
anchor <- lapply(list(list(mtcars$mpg, mtcars$am), list(c(2, 4, 4, 6, 10, 12, 0, 0, 2, 4, 6, -4), c(1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0))), function(s) { x <- s[[1]]; im <- s[[2]]; r <- roc(im, x, direction = "<", quiet = TRUE)
  y <- coords(r, "best", best.method = "youden", transpose = FALSE); t <- coords(r, "best", best.method = "closest.topleft", transpose = FALSE); g <- glm(im ~ x, binomial, control = list(epsilon = 1e-14))
  list(improved = x[im == 1], not = x[im == 0], auc = as.numeric(r$auc), youden = I(y$threshold), sens = I(y$sensitivity), spec = I(y$specificity), topleft = I(t$threshold), logistic = unname(coef(g)), r = cor(x, im), sd = sd(x)) })
cat(toJSON(list(r = R.version.string, psych = as.character(packageVersion("psych")), epiR = as.character(packageVersion("epiR")), pROC = as.character(packageVersion("pROC")), agree = agree, alpha = alpha, anchor = anchor), digits = NA, auto_unbox = TRUE), "\n")
