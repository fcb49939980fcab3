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


def rate(wrong, person, rounds=500):
    """Errors, of how many, and the 95% interval over people: they are drawn with replacement, each with all of theirs.

    Where nothing or everything is wrong the draws say nothing: there it is the rule of three's, with people for events.
    """
    people, at = np.unique(person, return_inverse=True)
    count, of = int(wrong.sum()), len(wrong)
    if len(people) < 2:
        low, high = 0.0, 1.0
    elif count in (0, of):
        low, high = (0.0, min(1, 3 / len(people))) if count == 0 else (max(0, 1 - 3 / len(people)), 1.0)
    else:
        errors, all_of_it = np.bincount(at, wrong), np.bincount(at)
        drawn = np.random.default_rng(0).integers(len(people), size=(rounds, len(people)))
        low, high = np.percentile(errors[drawn].sum(1) / all_of_it[drawn].sum(1), [2.5, 97.5])
    return dict(count=count, of=of, people=len(people), low=round(float(low), 4), high=round(float(high), 4))


def percent(r):
    """'4.2% (9/216 of 6 people; 2.2 to 7.7)'."""
    return "%.1f%% (%d/%d of %d people; %.1f to %.1f)" % (100 * r["count"] / r["of"], r["count"], r["of"], r["people"], 100 * r["low"], 100 * r["high"])


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


def reliability(live, probability, bins=10):
    """Rows (count, mean probability, share of bona fide) by bins of equal width, labels weighted to one half; and the ECE."""
    weight = np.where(live == 1, 0.5 / max((live == 1).sum(), 1), 0.5 / max((live == 0).sum(), 1))
    at, rows, ece = np.minimum((probability * bins).astype(int), bins - 1), [], 0.0
    for b in range(bins):
        k = at == b
        if k.any():
            w = weight[k] / weight[k].sum()
            rows.append((int(k.sum()), float(w @ probability[k]), float(w @ live[k])))
            ece += weight[k].sum() * abs(rows[-1][1] - rows[-1][2])
    return rows, ece
