"""Trains the spoken digits' model: once without each speaker in turn, to measure, and once on all.

    train.py --corpus ../shared/data/lips/grid --ear work/sound/features --out work/sound [--steps 900] [--only s2,all]

Leaves pool.npz (spoilt sequences), SPEAKER.pt and all.pt in --out; what is there is not made again."""
import argparse, math, os, pickle, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import data


class Net(nn.Module):
    """[1, T, 40] spectra to [1, T/2, 42] log probabilities: dilated convolutions that see 0.6 s to either side."""

    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(data.BANDS, width, 5, 2, 2), nn.BatchNorm1d(width), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, width, 3, padding=d, dilation=d), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(.1))
            for d in (1, 2, 4, 8, 1, 2, 4, 8))
        self.last = nn.Conv1d(width, data.CLASSES, 1)

    def forward(self, x):
        x = self.first(x.transpose(1, 2) / 4)
        for block in self.blocks:
            x = x + block(x)
        return F.log_softmax(self.last(x).transpose(1, 2), -1)


LENGTH = 6 * data.RATE


def pool(clips, ear, rng, most):
    """{speaker: [(spectra, targets)]}; the more clips, the more sequences, but far from in proportion."""
    out = {}
    for speaker in sorted({c.speaker for c in clips}):
        own = [c for c in clips if c.speaker == speaker]
        out[speaker] = []
        for i in range(int(most * min(1, (len(own) / 400) ** .35))):
            samples, labels = data.sequence(own, rng, LENGTH)
            if i % 20 == 0:
                samples, labels = data.quiet(LENGTH)
            samples, labels = data.spoil(samples, labels, own, rng)
            spectra = ear.spectra(samples)
            spectra = spectra[:len(spectra) // 2 * 2]
            out[speaker].append((spectra.astype(np.float16), data.targets(labels, len(spectra))))
        print(speaker, len(out[speaker]), "sequences", flush=True)
    return out


def batch(sequences, rng, count, rows):
    """Cuts, faster or slower (0.75 to 1.35 times), with bands moved (other throats) and blanked."""
    x, y = np.empty((count, rows, data.BANDS), np.float32), np.empty((count, rows // 2), np.int64)
    for i in range(count):
        spectra, target = sequences[rng.integers(len(sequences))]
        speed = math.exp(rng.uniform(math.log(.75), math.log(1.35)))
        speed = min(speed, (len(spectra) - 1) / rows)
        start = rng.uniform(0, len(spectra) - 1 - rows * speed)
        at = start + np.arange(rows) * speed
        k = at.astype(int)
        w = (at - k)[:, None].astype(np.float32)
        s = spectra[k] * (1 - w) + spectra[np.minimum(k + 1, len(spectra) - 1)] * w
        y[i] = target[np.minimum(k[1::2] // 2, len(target) - 1)]
        bands = np.clip(np.arange(data.BANDS) * math.exp(rng.normal(0, .05)) + rng.normal(0, .5), 0, data.BANDS - 1.001)
        b = bands.astype(int)
        s = s[:, b] * (1 - (bands - b)) + s[:, b + 1] * (bands - b)
        if rng.random() < .5:
            a = rng.integers(data.BANDS - 8)
            s[:, a:a + rng.integers(1, 8)] = 0
        s = s + np.linspace(rng.normal(0, .5), rng.normal(0, .5), data.BANDS)  # the mean that was taken out depends on the rest
        x[i] = s
    return torch.from_numpy(x), torch.from_numpy(y)


def train(sequences, steps, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1, weight_decay=.02)
    weight = torch.ones(data.CLASSES)
    weight[:2] = .5
    started, losses, right = time.time(), [], []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 4e-3 * min(1, (step + 1) / 50) * (.5 * (1 + math.cos(math.pi * step / steps)) + .005)
        x, y = batch(sequences, rng, 16, 320)
        out = net(x)
        loss = F.nll_loss(out.reshape(-1, data.CLASSES), y.reshape(-1), weight) - .05 * out.mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2)
        optimiser.step()
        losses.append(loss.item())
        digit = y >= 2
        right.append(((out.argmax(-1)[digit] - 2) // 4 == (y[digit] - 2) // 4).float().mean().item())
        if (step + 1) % 100 == 0:
            print(f"{step + 1}/{steps} {time.time() - started:.0f} s, loss {np.mean(losses[-100:]):.3f}, "
                  f"digits' pictures right {np.nanmean(right[-100:]):.3f}", flush=True)
    return net.eval()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--corpus", required=True); p.add_argument("--ear", required=True); p.add_argument("--out", required=True)
    p.add_argument("--steps", type=int, default=900); p.add_argument("--most", type=int, default=700)
    p.add_argument("--only", default="")
    o = p.parse_args()
    torch.set_num_threads(1)
    os.makedirs(o.out, exist_ok=True)
    clips, made = os.path.join(o.out, "clips.pkl"), os.path.join(o.out, "pool.pkl")
    if not os.path.exists(clips):
        pickle.dump(data.load(o.corpus), open(clips, "wb"))
        print("sound decoded", flush=True)
    if not os.path.exists(made):
        sequences = pool(pickle.load(open(clips, "rb")), data.Ear(o.ear), np.random.default_rng(1), o.most)
        pickle.dump(sequences, open(made, "wb"))
    sequences = pickle.load(open(made, "rb"))
    for held in o.only.split(",") if o.only else [*sequences, "all"]:
        weights = os.path.join(o.out, held + ".pt")
        if os.path.exists(weights):
            continue
        print("without", held, flush=True)
        steps = 2 * o.steps if held == "all" else o.steps  # what is kept may take its time; its measure is the others'
        net = train([s for k, v in sequences.items() if k != held for s in v], steps, seed=7)
        torch.save(net.state_dict(), weights)


if __name__ == "__main__":
    main()
