# Control charts by their definitions, point by point: Rscript spc.R > ../spc.golden.json
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(v), collapse = ","), "]"); ints <- function(v) paste0("[", paste(v, collapse = ","), "]")
words <- function(v) paste0("[", paste0("\"", v, "\"", collapse = ","), "]")
# A missing value is a gap: it has no moving range on either side, and a window that holds it breaks no rule.
xmr <- function(y, screen, fix) {
  b <- if (is.na(fix)) y else y[seq_len(fix)]; m <- mean(b, na.rm = TRUE); mr <- abs(diff(b)); all <- mean(mr, na.rm = TRUE)
  amr <- if (screen) mean(mr[!is.na(mr) & mr < 3.267 * all]) else all; u <- m + 2.66 * amr; l <- m - 2.66 * amr; nu <- m + 2 / 3 * 2.66 * amr; nl <- m - 2 / 3 * 2.66 * amr
  n <- length(y); lab <- rep("common", n); windows <- function(i, k) { s <- max(1, i - k + 1):i; s[s + k - 1 <= n] }
  for (i in which(!is.na(y))) {
    near <- function(j) !is.na(y[j]) & y[j] <= u & y[j] >= l & (y[j] > nu | y[j] < nl)
    trend <- 0; for (s in windows(i, 7)) { d <- diff(y[s + 0:6]); if (!anyNA(d) && trend == 0) { if (all(d > 0)) trend <- 1; if (all(d < 0)) trend <- -1 } }
    two <- FALSE; for (s in windows(i, 3)) { w <- s + 0:2; if (!anyNA(y[w]) && sum(near(w)) >= 2 && abs(sum(sign(y[w] - m))) == 3) two <- TRUE }
    shift <- FALSE; for (s in windows(i, 7)) { w <- s + 0:6; if (!anyNA(y[w]) && abs(sum(sign(y[w] - m))) == 7) shift <- TRUE }
    up <- y[i] > m
    lab[i] <- if (y[i] > u) "above_upl" else if (y[i] < l) "below_lpl" else if (trend == 1) "trend_up" else if (trend == -1) "trend_down" else
      if (two && near(i)) { if (up) "2of3_above" else "2of3_below" } else if (shift) { if (up) "shift_above" else "shift_below" } else "common" }
  at <- which(!is.na(y)); gaps <- which(diff(at) > 1)   # 0-based place, among the values, of the first one behind a gap
  k <- if (is.na(fix)) 0 else sum(!is.na(y[seq_len(fix)]))
  paste0("{\"y\":", lst(y[at]), ",\"gaps\":", ints(gaps), ",\"fix\":", k, ",\"screened\":", tolower(screen), ",\"mean\":", num(m), ",\"all\":", num(all), ",\"range\":", num(amr),
    ",\"lower\":", num(l), ",\"upper\":", num(u), ",\"near_lower\":", num(nl), ",\"near_upper\":", num(nu), ",\"signals\":", words(lab[at]), "}") }
set.seed(17); quiet <- round(rnorm(40, 20, 3), 1); shifted <- quiet + rep(c(0, 4), c(22, 18)); shifted[9] <- 45
drift <- round(c(rnorm(20, 5, 1), seq(5, 9, length.out = 12) + rnorm(12, 0, .05), rnorm(10, 5, 1)), 3); holes <- shifted; holes[c(4, 5, 27, 33)] <- NA
memory <- function(y, w, L, k) { m <- mean(y); s <- mean(abs(diff(y))) / 1.128; z <- m; h <- 0; d <- 0; out <- matrix(0, length(y), 4)
  for (i in seq_along(y)) { z <- w * y[i] + (1 - w) * z; u <- (y[i] - m) / s; h <- max(0, h + u - k); d <- max(0, d - u - k); out[i, ] <- c(z, m + L * s * sqrt(w / (2 - w) * (1 - (1 - w)^(2 * i))), h, d) }
  paste0("{\"y\":", lst(y), ",\"weight\":", w, ",\"width\":", L, ",\"allowance\":", k, ",\"sigma\":", num(s), ",\"weighted\":", lst(out[, 1]), ",\"upper\":", lst(out[, 2]), ",\"high\":", lst(out[, 3]), ",\"low\":", lst(out[, 4]), "}") }
n <- round(runif(15, 20, 400)); x <- rbinom(15, n, .3); p <- sum(x) / sum(n); s <- sqrt(p * (1 - p) / n); z <- (x / n - p) / s; sz <- mean(abs(diff(z))) / 1.128
cat("{\"r\":\"", R.version.string, "\",\n\"xmr\":[\n", paste(xmr(quiet, TRUE, NA), xmr(quiet, FALSE, NA), xmr(shifted, TRUE, NA), xmr(shifted, TRUE, 20), xmr(shifted, FALSE, 20), xmr(drift, TRUE, NA), xmr(drift, TRUE, 20),
  xmr(-drift, TRUE, 15), xmr(holes, TRUE, NA), xmr(holes, TRUE, 20), xmr(holes, FALSE, 24), sep = ",\n"), "\n],\n\"memory\":[\n", paste(memory(quiet, .2, 3, .5), memory(shifted, .05, 2.7, .25), sep = ",\n"),
  "\n],\n\"proportions\":{\"x\":", lst(x), ",\"n\":", lst(n), ",\"z\":", lst(z), ",\"sigma\":", num(sz), ",\"upper\":", lst(pmin(1, p + 3 * s)), ",\"laney\":", lst(pmax(0, p - 3 * s * sz)), ",\"rate\":", lst(p + 3 * sqrt(p / n)), "}}\n", sep = "")
