# Reference values for the laws of comparisons: python3 laws.py > ../laws.golden.json
# Needs mpmath: quadrature at 30 digits, by other formulas than ours where there
# are any (the noncentral t by its series, the range by its smallest value).
import json
import mpmath as mp

mp.mp.dps = 30


def chi_density(df):
    c = mp.log(2) + df / 2 * mp.log(df / 2) - mp.loggamma(df / 2)
    return lambda s: mp.e ** (c + (df - 1) * mp.log(s) - df * s * s / 2) if s > 0 else mp.mpf(0)


def noncentral_t(t, df, ncp):
    """P(T > t), t > 0: Poisson mixture of incomplete beta functions."""
    t, df, ncp = mp.mpf(t), mp.mpf(df), mp.mpf(ncp)
    y = t * t / (df + t * t)
    total = mp.mpf(0)
    for j in range(0, 400):
        p = mp.e ** (-ncp ** 2 / 2) * (ncp ** 2 / 2) ** j / mp.factorial(j)
        q = ncp * mp.e ** (-ncp ** 2 / 2) * (ncp ** 2 / 2) ** j / (mp.sqrt(2) * mp.gamma(j + mp.mpf(3) / 2))
        total += (p * mp.betainc(j + mp.mpf(1) / 2, df / 2, y, 1, regularized=True) + q * mp.betainc(j + 1, df / 2, y, 1, regularized=True)) / 2
        if j > ncp ** 2 and p < mp.mpf(10) ** -28:
            break
    # Σ(p+q)/2 over j is P(T > 0), so this is its part beyond t.
    return total


def range_tail(w, k):
    f = lambda z: k * mp.npdf(z) * (mp.ncdf(-z) ** (k - 1) - (mp.ncdf(-z) - mp.ncdf(-z - w)) ** (k - 1))
    return mp.quad(f, [-30, -8, -4, -2, 0, 2, 4, 8, 30])


def over_chi(tail, df):
    if df == mp.inf:
        return tail(mp.mpf(1))
    f = chi_density(mp.mpf(df))
    points = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 6, 12]
    return mp.quad(lambda s: f(s) * tail(s) if s > 0 else 0, points, maxdegree=6)


def dunnett_tail(t, lam):
    def f(z):
        inside = mp.mpf(1)
        for l in lam:
            r = mp.sqrt(1 - l * l)
            inside *= mp.ncdf((l * z + t) / r) - mp.ncdf((l * z - t) / r)
        return mp.npdf(z) * (1 - inside)
    return mp.quad(f, [-30, -8, -4, -2, -1, 0, 1, 2, 4, 8, 30])


def hypergeometric(m, n, k, log_odds):
    lo, hi = max(0, k - n), min(m, k)
    w = [mp.binomial(m, i) * mp.binomial(n, k - i) * mp.e ** (log_odds * i) for i in range(lo, hi + 1)]
    s = sum(w)
    return lo, [v / s for v in w]


out = {"noncentral_t": [], "range": [], "max_t": [], "hypergeometric": [], "kolmogorov": []}
for t, df, ncp in ((2, 10, 1), (0.5, 3, 0.2), (1, 1, 0.5), (40, 50, 35), (21.5, 1233, 21.5), (3, 0.7, 2), (6, 4, 0.5), (25, 20, 10)):
    out["noncentral_t"].append([t, df, ncp, float(noncentral_t(t, df, ncp))])
mp.mp.dps = 18
for q, k, df in ((3.5, 3, 10), (3.5, 3, 1), (4.2, 10, mp.inf), (8, 8, mp.inf), (0.5, 5, 12), (30, 3, 2), (12, 4, mp.inf), (9, 5, 60)):
    v = over_chi(lambda s: range_tail(q * s, k), df)
    out["range"].append([q, k, 0 if df == mp.inf else df, float(v)])
h = float(mp.sqrt(0.5))
for t, lam, df in ((2.5, [h, h, h], 20), (2.5, [h, h, h], mp.inf), (6, [0.6, 0.8], mp.inf), (1.2, [0.3, 0.5, 0.9], 8), (3, [0.2], 5)):
    v = over_chi(lambda s: dunnett_tail(t * s, lam), df)
    out["max_t"].append({"t": t, "lambda": lam, "df": 0 if df == mp.inf else df, "p": float(v)})
mp.mp.dps = 30
for m, n, k, l in ((10, 12, 9, 0), (10, 12, 9, 1.5), (375, 860, 522, 1.938), (3, 4, 6, -2), (1000, 1000, 40, 0.3)):
    lo, p = hypergeometric(m, n, k, l)
    x = lo + len(p) // 2
    out["hypergeometric"].append({"m": m, "n": n, "k": k, "l": l, "x": x, "mean": float(sum((lo + i) * v for i, v in enumerate(p))),
                                  "lower": float(sum(v for i, v in enumerate(p) if lo + i <= x)), "upper": float(sum(v for i, v in enumerate(p) if lo + i >= x))})
for x in (0.2, 0.5, 0.9, 1.0, 1.36, 3, 12):
    q = mp.e ** (-2 * mp.mpf(x) ** 2)
    out["kolmogorov"].append([x, float(1 - mp.jtheta(4, 0, q))])
print(json.dumps(out))
