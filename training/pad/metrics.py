"""Error rates of presentation-attack detection (ISO/IEC 30107-3). Scores rise with bona fide; live is 1 or 0."""
import numpy as np


def auc(live, score):
    """Share of (bona fide, attack) pairs in the right order; ties count half."""
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]
    n = (live == 1).sum()
    return (rank[live == 1].sum() - n * (n + 1) / 2) / max(n * (len(live) - n), 1)


def eer(live, score):
    """Equal error rate and the threshold at which it is."""
    t = np.unique(score)
    bpcer = np.searchsorted(np.sort(score[live == 1]), t) / max((live == 1).sum(), 1)
    apcer = 1 - np.searchsorted(np.sort(score[live == 0]), t) / max((live == 0).sum(), 1)
    k = np.argmin(np.abs(apcer - bpcer))
    return (apcer[k] + bpcer[k]) / 2, t[k]


def wilson(k, n, z=1.96):
    """95% interval of a rate of k in n."""
    if n == 0:
        return 0.0, 1.0
    p, d = k / n, 1 + z * z / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    middle = (p + z * z / (2 * n)) / d
    return max(middle - half, 0), min(middle + half, 1)


def rate(wrong):
    """'4.2% (9/216; 2.2 to 7.7)' of a mask of errors."""
    low, high = wilson(wrong.sum(), len(wrong))
    return "%.1f%% (%d/%d; %.1f to %.1f)" % (100 * wrong.mean(), wrong.sum(), len(wrong), 100 * low, 100 * high)


def bootstrap(live, score, person, rounds=300, seed=0):
    """95% interval of the AUC over draws of people."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(person == p) for p in np.unique(person)]
    values = []
    for _ in range(rounds):
        k = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < live[k].mean() < 1:
            values.append(auc(live[k], score[k]))
    return np.percentile(values, [2.5, 97.5]) if values else (0.0, 1.0)
