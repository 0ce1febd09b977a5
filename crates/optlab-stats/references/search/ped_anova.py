"""PED-ANOVA (Watanabe et al., 2023) for the trials of the test, by NumPy alone.

Prints the Pearson divergences, their means over random sets of good trials, the shares, and the p-values of
Westfall and Young (1993).
"""
import numpy as np

SETS = 20_000
n = 60
k = np.arange(n)
a = (k * 0.6180339887) % 1          # continuous, decides
b = (k * 0.4142135623) % 1          # continuous, has a small say
c = np.floor(((k * 0.7320508075) % 1) * 6)   # whole number of 6
d = np.floor(((k * 0.2360679774) % 1) * 3)   # choice of 3
value = (a - 0.3) ** 2 + 0.05 * b + 0.01 * c + 0.03 * (d == 1)
value[7] = np.inf                   # lost
good = value <= np.sort(value)[int(np.ceil(n / 10)) - 1]


def kde(cell, cells):
    x = (cell + 0.5) / cells
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


dimensions = [(kde, np.floor(a * 50), 50), (kde, np.floor(b * 50), 50), (kde, c, 6), (histogram, d, 3)]
everything = [density(x, cells) for density, x, cells in dimensions]


def divergences(chosen):
    pairs = zip(dimensions, everything)
    return [divergence(density(x[chosen], cells), q) for (density, x, cells), q in pairs]


random = np.random.default_rng(0)
real = np.array(divergences(good))
shuffled = np.array([divergences(random.permutation(good)) for _ in range(SETS)])
above = np.maximum(0, real - shuffled.mean(0))
every = np.vstack([real, shuffled])
# Equal divergences may differ in the last bits.
below = [np.searchsorted(np.sort(column), column * (1 - 1e-9)) for column in every.T]
tails = len(every) - np.stack(below, 1)
fewest = tails.min(1)
print(good.sum(), "divergences", real.tolist())
print("noise", shuffled.mean(0).round(4).tolist(), "shares", (above / above.sum()).round(4).tolist())
print("p-values", [float((fewest <= count).mean().round(4)) for count in tails[0]])
