# Over-dispersion and limits as domain 4.2 and FunnelPlotR state them, and exact
# limits of Spiegelhalter (2005): Rscript funnel.R > ../funnel.golden.json
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]")
od <- function(y, target, s, how) { z <- (y - target) / s; k <- length(z)
  if (how == "winsorise") { l <- quantile(z, c(.1, .9), type = 7); zw <- pmin(pmax(z, l[1]), l[2]); w <- 1 / s^2 } else { r <- floor(rank(z) * 10 / (k + 1)); keep <- r > 0 & r < 9; zw <- z[keep]; w <- 1 / s[keep]^2; k <- sum(keep) }
  phi <- sum(zw^2) / k; tau2 <- if (k * phi > k - 1) (k * phi - (k - 1)) / (sum(w) - sum(w^2) / sum(w)) else 0; list(phi = phi, tau2 = tau2, z = z) }
set.seed(2); k <- 23; n <- round(runif(k, 12, 600)); r <- rbinom(k, n, plogis(rnorm(k, 0, .3))); s <- 14 / sqrt(n); m <- rnorm(k, 11, sqrt(s^2 + 3)); zq <- qnorm(c(.975, .999))
one <- function(how) { a <- od(m, 11, s, how); th <- sum(r) / sum(n); t <- asin(sqrt(th)); sp <- 1 / (2 * sqrt(n)); b <- od(asin(sqrt(r / n)), t, sp, how)
  back <- function(v) sin(pmin(pmax(v, 0), pi / 2))^2
  paste0("{\"how\":\"", how, "\",\"mean_phi\":", num(a$phi), ",\"mean_tau2\":", num(a$tau2), ",\"mean_low95\":", lst(11 - zq[1] * sqrt(s^2 + a$tau2)), ",\"mean_high998\":", lst(11 + zq[2] * sqrt(s^2 + a$tau2)),
    ",\"prop_phi\":", num(b$phi), ",\"prop_tau2\":", num(b$tau2), ",\"prop_low95\":", lst(back(t - zq[1] * sp)), ",\"prop_high998\":", lst(back(t + zq[2] * sqrt(sp^2 + b$tau2))), "}") }
ex <- function(th, n, p) { q <- qbinom(p, n, th); (q - (pbinom(q, n, th) - p) / dbinom(q, n, th)) / n }
exact <- ex(.37, c(5, 20, 300), .025); pois <- local({ E <- c(.5, 8, 120); q <- qpois(.999, E); (q - (ppois(q, E) - .999) / dpois(q, E)) / E })
cat("{\"r\":\"", R.version.string, "\",\"n\":", lst(n), ",\"events\":", lst(r), ",\"mean\":", lst(m), ",\"se\":", lst(s), ",\"binomial\":", lst(exact), ",\"poisson\":", lst(pois), ",\n\"cases\":[\n", one("winsorise"), ",\n", one("truncate"), "\n]}\n", sep = "")
