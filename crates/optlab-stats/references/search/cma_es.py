"""One and more updates of CMA-ES by the formulas of Hansen's tutorial (2016, figure 6 and table 1), with SciPy's matrix root.

Prints the constants for several numbers of dimensions, and the state after the generations of the test.
"""
import numpy as np
from scipy.linalg import sqrtm


def constants(n):
    lam = 4 + int(np.floor(3 * np.log(n)))
    mu = lam // 2
    wp = np.log((lam + 1) / 2) - np.log(np.arange(1, lam + 1))
    mueff = wp[:mu].sum() ** 2 / (wp[:mu] ** 2).sum()
    mueffm = wp[mu:].sum() ** 2 / (wp[mu:] ** 2).sum()
    acov = 2.0
    c1 = acov / ((n + 1.3) ** 2 + mueff)
    cmu = min(1 - c1, acov * (0.25 + mueff + 1 / mueff - 2) / ((n + 2) ** 2 + acov * mueff / 2))
    am, aeff, apos = 1 + c1 / cmu, 1 + 2 * mueffm / (mueff + 2), (1 - c1 - cmu) / (n * cmu)
    w = np.where(wp >= 0, wp / wp[wp > 0].sum(), min(am, aeff, apos) / -wp[wp < 0].sum() * wp)
    cs = (mueff + 2) / (n + mueff + 5)
    ds = 1 + 2 * max(0, np.sqrt((mueff - 1) / (n + 1)) - 1) + cs
    cc = (4 + mueff / n) / (n + 4 + 2 * mueff / n)
    chi = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    return lam, mu, w, mueff, cs, ds, cc, c1, cmu, chi, (am, aeff, apos)


def update(state, points, g):
    n = len(state["m"])
    lam, mu, w, mueff, cs, ds, cc, c1, cmu, chi, _ = constants(n)
    m, s, C, p, q = (state[k] for k in "msCpq")
    root = np.linalg.inv(np.real(sqrtm(C)))
    y = (points - m) / s
    longest = np.sqrt(n) + 2 * n / (n + 2)
    clipped = 0
    for k in range(lam):
        length = np.linalg.norm(root @ y[k])
        if length > longest:
            y[k] *= longest / length
            clipped += 1
    yw = (w[:mu, None] * y[:mu]).sum(0)
    m = m + s * yw
    p = (1 - cs) * p + np.sqrt(cs * (2 - cs) * mueff) * root @ yw
    h = float(np.linalg.norm(p) / np.sqrt(1 - (1 - cs) ** (2 * (g + 1))) < (1.4 + 2 / (n + 1)) * chi)
    q = (1 - cc) * q + h * np.sqrt(cc * (2 - cc) * mueff) * yw
    wo = np.array([w[k] if w[k] >= 0 else w[k] * n / np.linalg.norm(root @ y[k]) ** 2 for k in range(lam)])
    C = (1 + c1 * (1 - h) * cc * (2 - cc) - c1 - cmu * w.sum()) * C + c1 * np.outer(q, q)
    C = C + cmu * sum(wo[k] * np.outer(y[k], y[k]) for k in range(lam))
    s = s * np.exp(cs / ds * (np.linalg.norm(p) / chi - 1))
    print("generation", g, "h", h, "clipped", clipped)
    return dict(m=m, s=s, C=C, p=p, q=q)


def generation(n, lam, g):
    """Points k = 0 … of generation g: near a corner first, then spread out."""
    if g == 0:
        return np.array([[0.88 + 0.01 * k + 0.01 * i for i in range(n)] for k in range(lam)])
    return np.array([[((k * n + i + 7 * g) * 0.381966) % 1 for i in range(n)] for k in range(lam)])


np.set_printoptions(precision=15, floatmode="maxprec")
for n in (1, 2, 4, 12, 60, 400):
    lam, mu, w, mueff, cs, ds, cc, c1, cmu, chi, alphas = constants(n)
    print(n, [lam] + [float(x) for x in (mueff, cs, ds, cc, c1, cmu, chi, w[0], w[-1])], "alphas", alphas)
for n in (1, 3):
    state = dict(m=np.full(n, 0.5), s=0.3, C=np.eye(n), p=np.zeros(n), q=np.zeros(n))
    for g in range(3):
        state = update(state, generation(n, constants(n)[0], g), g)
    print(n, {k: np.asarray(v).ravel().tolist() for k, v in state.items()})
