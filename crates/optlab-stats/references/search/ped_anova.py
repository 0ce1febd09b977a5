"""Pearson divergences of PED-ANOVA (Watanabe et al., 2023) for the trials of the test, by NumPy alone."""
import numpy as np

n = 60
k = np.arange(n)
a = (k * 0.6180339887) % 1          # continuous, decides
b = (k * 0.4142135623) % 1          # continuous, has a small say
c = np.floor(((k * 0.7320508075) % 1) * 6)   # whole number of 6
d = np.floor(((k * 0.2360679774) % 1) * 3)   # choice of 3
value = (a - 0.3) ** 2 + 0.05 * b + 0.01 * c + 0.03 * (d == 1)
value[7] = np.inf                   # lost
good = value <= np.sort(value)[int(np.ceil(n / 10)) - 1]


def kde(x, cells):
    h = 1.059 * min((np.quantile(x, 0.75) - np.quantile(x, 0.25)) / 1.34, x.std(ddof=1)) * len(x) ** -0.2
    h = max(h, 0.5 / 1.64 / cells)
    grid = (np.arange(cells) + 0.5) / cells
    mass = np.exp(-0.5 * ((grid[None] - x[:, None]) / h) ** 2)
    mass /= mass.sum(1, keepdims=True)
    return np.vstack([mass, np.full((1, cells), 1 / cells)]).mean(0)


def histogram(x, cells):
    return (np.bincount(x.astype(int), minlength=cells) + 1 / cells) / (len(x) + 1)


def divergence(p, q):
    return float(np.sum(q * (p / q - 1) ** 2))


result = [
    divergence(kde(a[good], 50), kde(a, 50)),
    divergence(kde(b[good], 50), kde(b, 50)),
    divergence(kde((c[good] + 0.5) / 6, 6), kde((c + 0.5) / 6, 6)),
    divergence(histogram(d[good], 3), histogram(d, 3)),
]
print(good.sum(), result, [r / sum(result) for r in result])
