"""The score of a phrase as internal/lips computes it, for many phrases at a time."""
import numpy as np

from corpus import CLASSES, STATES


class Evidence:
    """Scaled log-likelihoods of the states for each picture, from log posteriors (T, 42)."""

    def __init__(self, log_posteriors, prior, scale, power):
        e = scale * (log_posteriors - power * np.log(prior))
        self.gap = np.logaddexp(e[:, 0], e[:, 1])
        self.digit = e[:, 2:].reshape(len(e), 10, STATES)
        each = np.exp(log_posteriors[:, 2:]).reshape(len(e), 10, STATES).sum(2)
        p = each / each.sum(1, keepdims=True)
        # The mean entropy of which digit a picture shows, weighed by the probability that it shows one.
        self.doubt = (each.sum(1) * -(p * np.log(p + 1e-9)).sum(1)).sum() / each.sum()

    def phrases(self, phrases):
        """Log-likelihoods of phrases (N, n): the forward algorithm."""
        phrases = np.asarray(phrases)
        count, n = phrases.shape
        fit = self.digit[:, phrases].reshape(len(self.gap), count, n * STATES)
        if len(self.gap) < n * STATES:
            return np.full(count, -np.inf)
        chain = np.full((count, n * STATES), -np.inf)
        gaps = np.full((count, n + 1), -np.inf)
        gaps[:, 0] = 0
        for t in range(len(self.gap)):
            moved = np.logaddexp(chain, np.pad(chain, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1])
            moved[:, ::STATES] = np.logaddexp(moved[:, ::STATES], gaps[:, :n])
            gaps[:, 1:] = np.logaddexp(gaps[:, 1:], chain[:, STATES - 1::STATES])
            gaps += self.gap[t]
            chain = moved + fit[t]
        return np.logaddexp(chain[:, -1], gaps[:, -1])

    def any_of(self, n):
        """Log of the summed likelihoods of all phrases of n digits."""
        if len(self.gap) < n * STATES:
            return -np.inf
        chain = np.full((n, 10, STATES), -np.inf)
        gaps = np.full(n + 1, -np.inf)
        gaps[0] = 0
        for t in range(len(self.gap)):
            ended = np.logaddexp.reduce(chain[:, :, -1], 1)
            enter = gaps[:n].copy()
            enter[1:] = np.logaddexp(enter[1:], ended[:-1])
            moved = chain.copy()
            moved[:, :, 1:] = np.logaddexp(moved[:, :, 1:], chain[:, :, :-1])
            moved[:, :, 0] = np.logaddexp(moved[:, :, 0], enter[:, None])
            gaps[1:] = np.logaddexp(gaps[1:], ended)
            gaps += self.gap[t]
            chain = moved + self.digit[t]
        return np.logaddexp(np.logaddexp.reduce(chain[-1, :, -1]), gaps[-1])

    def features(self, phrase):
        """The features of internal/lips/calibrate.go, and for each place the log probabilities of the ten digits."""
        n = len(phrase)
        own = self.phrases([phrase])[0]
        changed = self.phrases([phrase[:i] + [d] + phrase[i + 1:] for i in range(n) for d in range(10)]).reshape(n, 10)
        changed -= np.logaddexp.reduce(changed, 1)[:, None]
        without = self.phrases([phrase[:i] + phrase[i + 1:] for i in range(n)])
        return np.array([self.doubt * (own - self.any_of(n)) / n, np.log(max((own - self.gap.sum()) / n, 0.5)),
                         np.log(max((own - without).min(), 0.05))]), changed
