# Linear mixed models (REML, ML, Satterthwaite, Kenward-Roger, predictions) on
# lme4's sleepstudy, a logistic one and a beta-binomial on simulated people, and
# MMRM on nlme's Orthodont with visits left out: Rscript mixed.R > ../mixed.golden.json
suppressPackageStartupMessages({ library(lme4); library(lmerTest); library(pbkrtest); library(nlme) })
data(sleepstudy, package = "lme4"); s <- sleepstudy[-c(3, 17, 18, 44, 90:95, 121), ]; s$Days <- as.numeric(s$Days); s$half <- as.numeric(as.integer(s$Subject) %% 2); s$noise <- rep_len(c(3, -1, 2, -4, 1, -2.5, 0.5), nrow(s))
ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-11, maxfun = 1e5), check.conv.grad = "ignore", check.conv.singular = "ignore")
fit <- function(f) { m <- lmer(as.formula(f), s, control = ctl); ml <- lme4::lmer(as.formula(f), s, REML = FALSE, control = ctl)
  a <- summary(m, ddf = "Satterthwaite")$coefficients; k <- summary(m, ddf = "Kenward-Roger")$coefficients; re <- ranef(m, condVar = TRUE)$Subject; v <- as.data.frame(VarCorr(m))$vcov
  list(formula = sub("\\| Subject", "| g", f), coef = a[, 1], se = a[, 2], df = a[, 3], p = a[, 5], kr_se = k[, 2], kr_df = k[, 3], vars = v, deviance = as.numeric(-2 * logLik(m)), singular = isSingular(m),
    blup = unname(unlist(re)), sd = unname(as.vector(apply(attr(re, "postVar"), 3, function(x) sqrt(diag(as.matrix(x)))))), ml = c(fixef(ml), as.data.frame(VarCorr(ml))$vcov, logLik(ml), AIC(ml), BIC(ml))) }
linear <- lapply(c("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days * half + (1 | Subject)", "Reaction ~ Days + half + (1 + Days | Subject)", "noise ~ Days + half + (1 | Subject)"), fit)
set.seed(8); n <- 300; b <- data.frame(g = rep(1:60, each = 5), x = round(rnorm(n), 3)); b$y <- rbinom(n, 1, plogis(-.3 + .8 * b$x + rnorm(60, 0, 1.2)[b$g]))
logistic <- lapply(c(1, 5, 15), function(q) { m <- glmer(y ~ x + (1 | g), b, binomial, nAGQ = q, control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 2e5), tolPwrss = 1e-12))
  list(points = q, coef = fixef(m), se = sqrt(diag(as.matrix(vcov(m)))), variance = as.data.frame(VarCorr(m))$vcov[1], loglik = as.numeric(logLik(m))) })
o <- as.data.frame(Orthodont)[-c(2, 7, 8, 20, 33, 51, 52, 70, 99), ]; o$f <- as.numeric(o$Sex == "Female"); o$v <- as.integer(factor(o$age)); o$id <- as.integer(factor(as.character(o$Subject)))
m <- gls(distance ~ f * factor(age), o, correlation = corSymm(form = ~ v | Subject), weights = varIdent(form = ~ 1 | v), method = "REML", control = glsControl(msMaxIter = 500, maxIter = 500, tolerance = 1e-11, msTol = 1e-13))
events <- c(3, 12, 0, 7, 25, 9, 14, 2); people <- c(10, 20, 8, 30, 31, 12, 50, 2)
ll <- function(t) { mu <- plogis(t[1]); M <- exp(t[2]); -sum(lbeta(events + mu * M, people - events + (1 - mu) * M) - lbeta(mu * M, (1 - mu) * M)) }
z <- nlm(ll, c(0, 1), gradtol = 1e-12, steptol = 1e-14, iterlim = 2000); mu <- plogis(z$estimate[1]); M <- exp(z$estimate[2])
out <- list(r = R.version.string, lme4 = as.character(packageVersion("lme4")), lmerTest = as.character(packageVersion("lmerTest")), pbkrtest = as.character(packageVersion("pbkrtest")), nlme = as.character(packageVersion("nlme")),
  sleep = list(Reaction = s$Reaction, noise = s$noise, Days = s$Days, half = s$half, g = as.integer(factor(as.character(s$Subject)))), linear = linear,
  binary = as.list(b), logistic = logistic, growth = list(distance = o$distance, f = o$f, age = o$age, id = o$id), mmrm = list(coef = coef(m), se = sqrt(diag(vcov(m))), loglik = as.numeric(logLik(m))),
  beta = list(events = events, people = people, law = c(mu * M, (1 - mu) * M, z$minimum), low = qbeta(.025, mu * M + events, (1 - mu) * M + people - events)))
cat(jsonlite::toJSON(out, digits = I(17), auto_unbox = TRUE, keep_vec_names = FALSE), "\n")
