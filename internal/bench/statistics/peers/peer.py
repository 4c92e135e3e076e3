"""statsmodels on the same rows: python3 peer.py episodes.csv. Reading is not
timed. One line a job on stdout: name, seconds, then name=value pairs."""
import sys
import time

import numpy as np
import pandas as pd
import statsmodels.api as sm

d = pd.read_csv(sys.argv[1])
imd = pd.get_dummies(d.imd, drop_first=True, dtype=float).to_numpy()
risk = np.column_stack([(d.risk == "medium").astype(float), (d.risk == "high").astype(float)])
y, treated = d.y.to_numpy(float), d.treated.to_numpy(float)


def columns(*names):
    return d[list(names)].to_numpy(float)


def job(name, f):
    start = time.perf_counter()
    values = f()
    seconds = time.perf_counter() - start
    print("\t".join([name, f"{seconds:.4f}"] + [f"{k}={v!r}" for k, v in values.items()]), flush=True)


def ancova():
    x = np.column_stack([np.ones(len(d)), columns("treated", "baseline", "age", "male"), imd, risk, columns("comorbidity", "back", "leg", "prior")])
    m = sm.OLS(y, x).fit(cov_type="HC1")
    return {"estimate": float(m.params[1]), "se": float(m.bse[1]), "age_se": float(m.bse[3]), "leg": float(m.params[13])}


def propensity():
    x = np.column_stack([np.ones(len(d)), columns("baseline", "age", "male"), imd, risk])
    ps = sm.GLM(treated, x, family=sm.families.Binomial()).fit(tol=1e-12).fittedvalues
    one, zero = treated == 1, treated == 0
    ipw = np.average(y[one], weights=1 / ps[one]) - np.average(y[zero], weights=1 / (1 - ps[zero]))
    m1, m0 = (sm.OLS(y[arm], x[arm]).fit().predict(x) for arm in (one, zero))
    phi = m1 - m0 + treated * (y - m1) / ps - (1 - treated) * (y - m0) / (1 - ps)
    return {"ipw": float(ipw), "aipw": float(phi.mean()), "aipw_se": float(np.sqrt(((phi - phi.mean()) ** 2).sum()) / len(phi))}


job("ancova", ancova)
job("propensity", propensity)
