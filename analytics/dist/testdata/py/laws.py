# Reference values for the laws of comparisons: python3 laws.py > ../laws.golden.json
# Needs mpmath: 30 digits, the noncentral t by its series. The laws of a range and
# of a maximum are in r/laws.R.
import json
import mpmath as mp

mp.mp.dps = 30


def noncentral_t(t, df, ncp):
    """P(T > t), t > 0: Poisson mixture of incomplete beta functions."""
    t, df, ncp = mp.mpf(t), mp.mpf(df), mp.mpf(ncp)
    y = t * t / (df + t * t)
    total = mp.mpf(0)
    for j in range(0, 1500):
        p = mp.e ** (-ncp ** 2 / 2) * (ncp ** 2 / 2) ** j / mp.factorial(j)
        q = ncp * mp.e ** (-ncp ** 2 / 2) * (ncp ** 2 / 2) ** j / (mp.sqrt(2) * mp.gamma(j + mp.mpf(3) / 2))
        total += (p * mp.betainc(j + mp.mpf(1) / 2, df / 2, y, 1, regularized=True) + q * mp.betainc(j + 1, df / 2, y, 1, regularized=True)) / 2
        if j > ncp ** 2 and p < mp.mpf(10) ** -28:
            break
    # Σ(p+q)/2 over j is P(T > 0), so this is its part beyond t.
    return total


def hypergeometric(m, n, k, log_odds):
    lo, hi = max(0, k - n), min(m, k)
    w = [mp.binomial(m, i) * mp.binomial(n, k - i) * mp.e ** (log_odds * i) for i in range(lo, hi + 1)]
    s = sum(w)
    return lo, [v / s for v in w]


out = {"noncentral_t": [], "hypergeometric": [], "kolmogorov": []}
for t, df, ncp in ((2, 10, 1), (0.5, 3, 0.2), (1, 1, 0.5), (40, 50, 35), (21.5, 1233, 21.5), (3, 0.7, 2), (6, 4, 0.5), (25, 20, 10)):
    out["noncentral_t"].append([t, df, ncp, float(noncentral_t(t, df, ncp))])
for m, n, k, l in ((10, 12, 9, 0), (10, 12, 9, 1.5), (375, 860, 522, 1.938), (3, 4, 6, -2), (1000, 1000, 40, 0.3)):
    lo, p = hypergeometric(m, n, k, l)
    x = lo + len(p) // 2
    out["hypergeometric"].append({"m": m, "n": n, "k": k, "l": l, "x": x, "mean": float(sum((lo + i) * v for i, v in enumerate(p))),
                                  "lower": float(sum(v for i, v in enumerate(p) if lo + i <= x)), "upper": float(sum(v for i, v in enumerate(p) if lo + i >= x))})
mp.mp.dps = 160  # the tail at 12 is 1e-125
for x in (0.2, 0.5, 0.9, 1.0, 1.36, 3, 12):
    q = mp.e ** (-2 * mp.mpf(x) ** 2)
    out["kolmogorov"].append([x, float(1 - mp.jtheta(4, 0, q))])
print(json.dumps(out))
