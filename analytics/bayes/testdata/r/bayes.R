# Bayes factors, posteriors and a meta-analysis integrated otherwise:
# Rscript bayes.R > ../bayes.golden.json
suppressPackageStartupMessages({library(BayesFactor); library(jsonlite)})
factors <- lapply(list(c(0, 20, 20), c(2.5, 12, 90), c(-4, 200, 150), c(9, 30, 30), c(.3, 2, 3)), function(v)
  list(t = v[1], n1 = v[2], n0 = v[3], small = ttest.tstat(v[1], v[2], v[3], rscale = .5, simple = FALSE)$bf, medium = ttest.tstat(v[1], v[2], v[3], rscale = sqrt(2)/2, simple = FALSE)$bf))
tables <- lapply(list(matrix(c(5, 10, 12, 3), 2, byrow = TRUE), matrix(c(0, 10, 1, 30), 2, byrow = TRUE), matrix(c(3, 9, 4, 8, 2, 7), 2, byrow = TRUE), matrix(c(3, 9, 4, 8, 2, 7), 3, byrow = TRUE)), function(m)
  list(counts = unname(split(m, row(m))), one = unname(contingencyTableBF(m, sampleType = "indepMulti", fixedMargin = "rows")@bayesFactor$bf), two = unname(contingencyTableBF(m, sampleType = "indepMulti", fixedMargin = "rows", priorConcentration = 2)@bayesFactor$bf)))
beta <- lapply(list(c(3, 9, 5, 5), c(120, 300, 100, 350), c(.5, .5, .5, 20.5), c(4000, 4100, 3900, 4200)), function(v)
  list(v = v, p = integrate(function(t) dbeta(t, v[1], v[2])*pbeta(t, v[3], v[4]), 0, 1, rel.tol = 1e-12, subdivisions = 5000)$value, q = qbeta(c(.025, .975), v[1], v[2])))
# Simpson's rule over the angle of tau = s tan(angle).
meta <- function(y, v, family, s) { n <- 400001; a <- seq(0, pi/2, length.out = n); h <- a[2]; a <- a[-n]; t <- s*tan(a); w1 <- 0; wy <- 0
  for (i in seq_along(y)) { w <- 1/(v[i] + t^2); w1 <- w1 + w; wy <- wy + w*y[i] }
  m <- wy/w1; l <- -.5*log(w1) + .5*log(2*pi); for (i in seq_along(y)) l <- l + dnorm(y[i], m, sqrt(v[i] + t^2), log = TRUE)
  prior <- if (family == "half_cauchy") 2/pi else 2*dnorm(t, 0, s)*s/cos(a)^2
  g <- exp(l)*prior*c(1, rep(c(4, 2), length.out = n - 2))*h/3; z <- sum(g); g <- g/z; mu <- sum(g*m); tau <- sum(g*t)
  list(yi = y, vi = v, family = family, scale = s, logZ = log(z), mean = mu, sd = sqrt(sum(g*(1/w1 + m^2)) - mu^2), tau = tau, tauSd = sqrt(sum(g*t^2) - tau^2), above = sum(g*pnorm(m*sqrt(w1)))) }
schools <- list(c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18)^2)
metas <- list(meta(schools[[1]], schools[[2]], "half_normal", 5), meta(schools[[1]], schools[[2]], "half_cauchy", 25), meta(c(.2, .5, -.1, .9), c(.02, .05, .04, .1), "half_normal", .5), meta(c(.2, .5, -.1, .9, .4), c(.02, .05, .04, .1, .03), "half_cauchy", .3))
set.seed(41); x <- cbind(1, round(rnorm(30, 50, 8)), rbinom(30, 1, .4)); y <- round(drop(x %*% c(5, .3, -2)) + rnorm(30, 0, 3))
linear <- { L <- diag(1/4, 3); Ln <- crossprod(x) + L; mn <- drop(solve(Ln, crossprod(x, y))); an <- 2 + 15; bn <- 7 + .5*(sum(y^2) - drop(t(mn) %*% Ln %*% mn))
  # The marginal likelihood by Student's law of all of y.
  S <- 7/2*(diag(30) + 4*x %*% t(x)); list(x = unname(split(x, col(x))), y = y, mean = mn, scale = sqrt(bn/an*diag(solve(Ln))), rate = bn, logMarginal = lgamma(17) - lgamma(2) - 15*log(4*pi) - .5*as.numeric(determinant(S)$modulus) - 17*log(1 + drop(t(y) %*% solve(S, y))/4)) }
cat(toJSON(list(r = R.version.string, BayesFactor = as.character(packageVersion("BayesFactor")), factors = factors, tables = tables, beta = beta, metas = metas, linear = linear), auto_unbox = TRUE, digits = NA, pretty = 1), "\n")
