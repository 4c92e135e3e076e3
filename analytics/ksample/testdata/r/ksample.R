# Several groups against stats, car, rstatix and multcomp (its p simulated to
# 1e-3): Rscript ksample.R > ../ksample.golden.json
suppressPackageStartupMessages({library(car); library(multcomp); library(jsonlite)})
sets <- list(split(chickwts$weight, chickwts$feed), split(airquality$Wind, airquality$Month), split(mtcars$mpg, mtcars$cyl), split(PlantGrowth$weight, PlantGrowth$group),
  list(a = c(1, 2, 2, 3), b = c(2, 4, 6, 8, 8), c = c(5, 5, 7, 9)))
cases <- lapply(sets, function(s) {
  y <- unlist(s, use.names = FALSE); g <- factor(rep(seq_along(s), lengths(s)))
  a <- anova(lm(y ~ g)); w <- oneway.test(y ~ g); k <- kruskal.test(y, g); l <- leveneTest(y, g); lm_ <- leveneTest(y, g, center = mean)
  b <- bartlett.test(y, g); f <- fligner.test(y, g); tk <- TukeyHSD(aov(y ~ g))$g
  gh <- rstatix::games_howell_test(data.frame(y = y, g = g), y ~ g, detailed = TRUE)
  set.seed(1); d <- summary(glht(aov(y ~ g), linfct = mcp(g = "Dunnett")))
  list(groups = unname(s), F = c(a$`F value`[1], a$Df, a$`Pr(>F)`[1]), welch = c(w$statistic, w$parameter, w$p.value), kruskal = c(k$statistic, k$p.value),
    brown_forsythe = c(l$`F value`[1], l$`Pr(>F)`[1]), levene = c(lm_$`F value`[1], lm_$`Pr(>F)`[1]), bartlett = c(b$statistic, b$p.value), fligner = c(f$statistic, f$p.value),
    tukey = lapply(seq_len(nrow(tk)), function(i) unname(tk[i, ])),
    games_howell = lapply(seq_len(nrow(gh)), function(i) c(gh$estimate[i], gh$conf.low[i], gh$conf.high[i], gh$statistic[i], gh$df[i], ptukey(gh$statistic[i] * sqrt(2), nlevels(g), gh$df[i], lower.tail = FALSE))),
    dunnett = lapply(seq_along(d$test$tstat), function(i) unname(c(d$test$coefficients[i], d$test$tstat[i], d$test$pvalues[i]))))
})
cat(toJSON(list(r = R.version.string, car = as.character(packageVersion("car")), rstatix = as.character(packageVersion("rstatix")), multcomp = as.character(packageVersion("multcomp")), cases = cases), digits = NA, auto_unbox = TRUE), "\n")
