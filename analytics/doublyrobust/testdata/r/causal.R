# Weighting, entropy balancing, g-computation and augmented weighting with errors
# of stacked estimating equations: the equations are written out here and
# differentiated numerically (numDeriv), so nothing is shared with the Go code but
# the definition. Rscript causal.R > ../causal.golden.json
suppressPackageStartupMessages(library(numDeriv))
set.seed(20); n <- 240
x <- round(rnorm(n, 50, 10)); g <- sample(0:2, n, TRUE); t <- rbinom(n, 1, plogis(-3 + .05 * x + .4 * (g == 1))); y <- round(20 + .5 * x - 6 * t + 3 * (g == 2) + rnorm(n, 0, 8)); b <- as.numeric(y > 40)
X <- cbind(1, x, g == 1, g == 2) * 1; k <- ncol(X)
ctl <- list(epsilon = 1e-14, maxit = 100); a <- glm.fit(X, t, family = binomial(), control = ctl)$coefficients; e <- plogis(drop(X %*% a))
sand <- function(psi, th, w) { P <- psi(th); A <- jacobian(function(q) colMeans(psi(q)), th, method.args = list(r = 6)); Ai <- solve(A); V <- Ai %*% (crossprod(P) / n) %*% t(Ai) / n; sqrt(drop(w %*% V %*% w)) }
wt <- function(e, type) switch(type, ate = t / e + (1 - t) / (1 - e), att = t + (1 - t) * e / (1 - e), atc = t * (1 - e) / e + 1 - t, overlap = t * (1 - e) + (1 - t) * e, matching = pmin(e, 1 - e) / (t * e + (1 - t) * (1 - e)))
ipw <- function(type) { w <- wt(e, type); m1 <- sum(t * w * y) / sum(t * w); m0 <- sum((1 - t) * w * y) / sum((1 - t) * w)
  psi <- function(q) { w <- wt(plogis(drop(X %*% q[1:k])), type); cbind(X * (t - plogis(drop(X %*% q[1:k]))), t * w * (y - q[k + 1]), (1 - t) * w * (y - q[k + 2])) }
  c(m1 - m0, sand(psi, c(a, m1, m0), c(rep(0, k), 1, -1))) }
arm <- function(y, i, fam) glm.fit(X[i, ], y[i], family = fam, control = ctl)$coefficients
gc <- function(y, fam, of) { L <- fam$linkinv; b1 <- arm(y, t == 1, fam); b0 <- arm(y, t == 0, fam); m1 <- mean(L(X %*% b1)[of]); m0 <- mean(L(X %*% b0)[of])
  psi <- function(q) { l1 <- L(drop(X %*% q[1:k])); l0 <- L(drop(X %*% q[k + 1:k])); cbind(X * t * (y - l1), X * (1 - t) * (y - l0), of * (l1 - q[2 * k + 1]), of * (l0 - q[2 * k + 2])) }
  c(m1 - m0, sand(psi, c(b1, b0, m1, m0), c(rep(0, 2 * k), 1, -1))) }
att <- function(y, fam) { L <- fam$linkinv; b0 <- arm(y, t == 0, fam); h <- function(q) { p <- plogis(drop(X %*% q[1:k])); l0 <- L(drop(X %*% q[k + 1:k])); (t * (y - l0) - (1 - t) * p / (1 - p) * (y - l0)) }
  tau <- sum(h(c(a, b0))) / sum(t); psi <- function(q) cbind(X * (t - plogis(drop(X %*% q[1:k]))), X * (1 - t) * (y - L(drop(X %*% q[k + 1:k]))), h(q) - t * q[2 * k + 1])
  c(tau, sand(psi, c(a, b0, tau), c(rep(0, 2 * k), 1))) }
ate <- function(y, fam) { L <- fam$linkinv; b1 <- arm(y, t == 1, fam); b0 <- arm(y, t == 0, fam)
  f <- function(q) { p <- plogis(drop(X %*% q[1:k])); l1 <- L(drop(X %*% q[k + 1:k])); l0 <- L(drop(X %*% q[2 * k + 1:k])); l1 + t * (y - l1) / p - l0 - (1 - t) * (y - l0) / (1 - p) }
  tau <- mean(f(c(a, b1, b0))); psi <- function(q) cbind(X * (t - plogis(drop(X %*% q[1:k]))), X * t * (y - L(drop(X %*% q[k + 1:k]))), X * (1 - t) * (y - L(drop(X %*% q[2 * k + 1:k]))), f(q) - q[3 * k + 1])
  c(tau, sand(psi, c(a, b1, b0, tau), c(rep(0, 3 * k), 1))) }
Z <- X[, -1]; p <- k - 1
newton <- function(Z, tg) { C <- sweep(Z, 2, tg); S <- apply(Z, 2, sd); C <- sweep(C, 2, S, "/"); l <- rep(0, p); for (i in 1:60) { w <- exp(drop(C %*% l)); l <- l - solve(crossprod(C * w, C), colSums(w * C)) }; l / S }
ebt <- function() { m <- colMeans(Z[t == 1, ]); l <- newton(Z[t == 0, ], m); w <- exp(drop(sweep(Z, 2, m) %*% l)); m1 <- mean(y[t == 1]); m0 <- sum((1 - t) * w * y) / sum((1 - t) * w)
  psi <- function(q) { m <- q[1:p]; C <- sweep(Z, 2, m); w <- exp(drop(C %*% q[p + 1:p])); cbind(t * C, (1 - t) * w * C, t * (y - q[2 * p + 1]), (1 - t) * w * (y - q[2 * p + 2])) }
  c(m1 - m0, sand(psi, c(m, l, m1, m0), c(rep(0, 2 * p), 1, -1))) }
eba <- function() { m <- colMeans(Z); l1 <- newton(Z[t == 1, ], m); l0 <- newton(Z[t == 0, ], m); C <- sweep(Z, 2, m); w1 <- t * exp(drop(C %*% l1)); w0 <- (1 - t) * exp(drop(C %*% l0)); m1 <- sum(w1 * y) / sum(w1); m0 <- sum(w0 * y) / sum(w0)
  psi <- function(q) { C <- sweep(Z, 2, q[1:p]); w1 <- t * exp(drop(C %*% q[p + 1:p])); w0 <- (1 - t) * exp(drop(C %*% q[2 * p + 1:p])); cbind(C, w1 * C, w0 * C, w1 * (y - q[3 * p + 1]), w0 * (y - q[3 * p + 2])) }
  c(m1 - m0, sand(psi, c(m, l1, l0, m1, m0), c(rep(0, 3 * p), 1, -1))) }
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
out <- list(x = x, g = g, t = t, y = y, b = b, ate = ipw("ate"), att = ipw("att"), atc = ipw("atc"), overlap = ipw("overlap"), matching = ipw("matching"),
  gcomp_gaussian = gc(y, gaussian(), rep(TRUE, n)), gcomp_treated = gc(y, gaussian(), t == 1), gcomp_binomial = gc(b, binomial(), rep(TRUE, n)),
  aipw_gaussian = ate(y, gaussian()), aipw_binomial = ate(b, binomial()), aipw_treated = att(y, gaussian()), aipw_treated_binomial = att(b, binomial()), entropy_treated = ebt(), entropy_everybody = eba())
cat("{\"r\":\"", R.version.string, "\",\"numDeriv\":\"", as.character(packageVersion("numDeriv")), "\"", paste0(",\n\"", names(out), "\":", vapply(out, lst, ""), collapse = ""), "}\n", sep = "")
