"""Trials of held-out speakers: posteriors of the sound (and of the lips) of spoken phrases, and who claims what about them."""
import json, subprocess
import numpy as np, torch
import data, train

PRIOR = [.3, .3] + [.4 / 40] * 40


def net(path):
    n = train.Net()
    n.load_state_dict(torch.load(path))
    return n.eval()


def listen(net, ear, samples):
    """The log posteriors [rows, 42] of samples."""
    samples = samples[:len(samples) // 320 * 320]
    with torch.no_grad():
        return net(torch.from_numpy(ear.spectra(np.clip(samples, -32768, 32767).astype(np.int16)).copy())[None])[0].numpy()


def claims(said, rng):
    """(kind, phrase): the phrase that was said, ten others, one with a wrong digit, one with two neighbours swapped."""
    said = list(said)
    out = [("genuine", said)] + [("another phrase", other) for other in rng.integers(0, 10, (10, len(said))).tolist() if other != said]
    wrong, k = list(said), rng.integers(len(said))
    wrong[k] = (wrong[k] + int(rng.integers(1, 10))) % 10
    out.append(("one digit wrong", wrong))
    places = [i for i in range(len(said) - 1) if said[i] != said[i + 1]]
    if places:
        i = places[rng.integers(len(places))]
        swapped = list(said)
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        out.append(("two swapped", swapped))
    return out


class Measure:
    """The server's own measures, by the program in measure/."""

    def __init__(self, program, parameters):
        self.process = subprocess.Popen([program, "--parameters", parameters], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, sound, phrases, lips=None):
        request = {"sound": np.asarray(sound).round(4).ravel().tolist(), "phrases": ["".join(map(str, p)) for p in phrases]}
        if lips is not None:
            request["lips"] = np.asarray(lips).round(4).ravel().tolist()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def eer(genuine, impostor):
    g, i = np.sort(genuine), np.sort(impostor)
    at = np.unique(np.concatenate([g, i]))
    frr, far = np.searchsorted(g, at) / len(g), 1 - np.searchsorted(i, at) / len(i)
    k = np.argmin(np.abs(frr - far))
    return (frr[k] + far[k]) / 2


def auc(genuine, impostor):
    i = np.sort(impostor)
    return float(np.mean((np.searchsorted(i, genuine, "left") + np.searchsorted(i, genuine, "right")) / 2 / len(i)))


def wilson(k, n, z=1.96):
    """"k of n, rate (95% interval)"."""
    if n == 0:
        return "0 of 0"
    p = k / n
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return f"{k} of {n}, {100 * p:.1f}% ({100 * max(0, middle - half):.1f} to {100 * min(1, middle + half):.1f})"
