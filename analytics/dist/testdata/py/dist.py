# Reference values for analytics/dist: python3 dist.py > ../dist.golden.json
# Needs mpmath: 50 digits, so that the tails of R or SciPy are no limit.
import json, sys
import mpmath as mp

mp.mp.dps = 50


def t_two(t, df):
    t, df = mp.mpf(t), mp.mpf(df)
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def chi_tail(x, df):
    return mp.gammainc(mp.mpf(df) / 2, mp.mpf(x) / 2, mp.inf, regularized=True)


def f_tail(f, a, b):
    f, a, b = mp.mpf(f), mp.mpf(a), mp.mpf(b)
    return mp.betainc(b / 2, a / 2, 0, b / (b + a * f), regularized=True)


def bisect(f, lo, hi):
    """Root of the decreasing f, bisected to 30 digits."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    for _ in range(110):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if f(mid) > 0 else (lo, mid)
    return (lo + hi) / 2


def out(v):
    return float(mp.nstr(v, 20))


rows = {"t": [], "chi2": [], "f": [], "t_quantile": [], "chi2_quantile": [], "normal": []}
for df in (1, 1.5, 3, 7.25, 30, 668.6708318501484, 4156, 19994, 1000000):
    for t in (1e-6, 0.3, 1, 1.96, 3.2, 3.4, 5, 20, 35):
        v = t_two(t, df)
        if v > mp.mpf("1e-290"):
            rows["t"].append([t, df, out(v)])
    for level in (0.5, 0.9, 0.95, 0.998, 0.9999):
        if df in (3, 668.6708318501484, 19994):
            rows["t_quantile"].append([level, df, out(bisect(lambda x: t_two(x, df) - (1 - mp.mpf(level)), 0, 60))])
for df in (1, 2, 5, 17.5, 95, 1000, 20000):
    for r in (0.01, 0.5, 0.9, 1, 1.1, 1.5, 3):
        v = chi_tail(r * df, df)
        if v > mp.mpf("1e-290"):
            rows["chi2"].append([float(r * df), df, out(v)])
    for q in (0.975, 0.5, 0.025):
        if df <= 1000:
            rows["chi2_quantile"].append([q, df, out(bisect(lambda x: chi_tail(x, df) - mp.mpf(q), 0, 3 * df + 10))])
for a in (1, 4, 16):
    for b in (3, 20, 4156, 100000):
        for f in (0.1, 1, 2.5, 17, 217):
            v = f_tail(f, a, b)
            if v > mp.mpf("1e-290"):
                rows["f"].append([f, a, b, out(v)])
for z in (-8, -1, 0, 0.5, 1.959964, 6, 20, 37):
    rows["normal"].append([z, out(mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2)])
json.dump({"mpmath": mp.__version__, **rows}, sys.stdout, indent=1)
