"""One training: all pictures but those of some folds -> log odds of every picture as it is.

    python pad/fit.py --work pad/work --name NAME [--out 03] [options]

Starts at the pretrained network with a linear head fitted to its frozen features, and trains the upper blocks and the heads on labels and
teacher scores. Writes fits/NAME-FOLDS.pt (averaged weights) and .npy (pictures x crops x 3 log odds; of pictures that
were held out). What is there is not made again.
"""
import argparse
import os
import time
import zlib

import numpy as np
import torch
import torch.nn.functional as F

import sets
from copies import AUGMENTED, PLAIN, RECAPTURED
from network import CROPS, MID, Head, Upper, pretrained

BOUND = 6  # of the teachers' log odds


class Data:
    """Everything that trainings read, in the order of the copies."""

    def __init__(self, work, root, keep=None):
        path = lambda name: os.path.join(work, name)
        self.pictures = sets.read(path("boxes.csv"), root)
        self.of, kind = np.load(path("of.npy")).T
        self.kind = kind
        n = len(self.of)
        self.mid = np.memmap(path("mid.f16"), np.float16, "r", shape=(n, CROPS) + MID)
        self.low = np.load(path("low.npy"))
        self.frozen = np.load(path("frozen.npy"), mmap_mode="r")
        self.teachers = np.load(path("teachers.npy"))
        self.set = np.array([self.pictures[i].set for i in self.of])
        self.clip = np.array([self.pictures[i].clip for i in self.of])
        self.live = np.array([self.pictures[i].live for i in self.of]) & (kind != RECAPTURED)
        folds = sets.folds(self.pictures)
        self.fold = np.array([folds[s] for s in self.set])
        self.plain = np.flatnonzero(kind == PLAIN)

    def weights(self, rows, recaptured):
        """Both labels alike, recorders alike, clips alike; simulated recapture has that share of the attacks' weight."""
        w = np.zeros(len(rows))
        fake = self.kind[rows] == RECAPTURED
        real = ~fake
        w[real] = sets.weights(self.set[rows][real], self.live[rows][real], self.clip[rows][real])
        w[real & ~self.live[rows]] *= 1 - recaptured
        if recaptured and fake.any():
            w[fake] = sets.weights(self.set[rows][fake], self.live[rows][fake], self.clip[rows][fake])
            w[fake] *= 0.5 * recaptured / w[fake].sum()
        return w / w.sum()


def logistic(x, live, weight, strength, steps):
    """L2-regularised logistic regression on features of one size -> weights, bias."""
    y = torch.from_numpy(np.ascontiguousarray(live, np.float32))
    weight = torch.from_numpy(weight.astype(np.float32))
    w, b = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    best = torch.optim.LBFGS([w, b], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def loss():
        best.zero_grad()
        v = (F.binary_cross_entropy_with_logits(x @ w + b, y, reduction="none") * weight).sum() + strength * (w ** 2).sum()
        v.backward()
        return v

    best.step(loss)
    return w.detach(), b.detach()


def targets(data, rows, a):
    """Probabilities of live: the label's and the teachers' mean, mixed; and each teacher's own."""
    said = 1 / (1 + np.exp(-np.clip(data.teachers[rows], -BOUND, BOUND)))
    label = a.label * data.live[rows] + (1 - a.label) * said.mean(1)
    return np.c_[label, said].astype(np.float32)


def start(data, rows, a):
    """Heads as a linear fit on the frozen features has them."""
    heads = torch.nn.ModuleList()
    weight = data.weights(rows, a.recaptured)
    for crop in range(CROPS):
        x = torch.from_numpy(np.ascontiguousarray(data.frozen[rows, crop]))
        head = Head(x.mean(0), x.std(0) + 1e-3)
        scaled = ((x - head.mean) / head.deviation).clamp(-8, 8)
        for i, y in enumerate(targets(data, rows, a).T):
            w, b = logistic(scaled, y, weight, a.strength, a.linear_steps)
            with torch.no_grad():
                head.out.weight[i], head.out.bias[i] = w, b
        heads.append(head)
    return heads


def forward(upper, heads, mid, low):
    """N x crops x MID and N x crops x channels -> N x crops x 3."""
    n = len(mid)
    with torch.autocast("cpu", torch.bfloat16, enabled=torch.is_grad_enabled()):
        features = upper(mid.flatten(0, 1).contiguous(memory_format=torch.channels_last))
    features = torch.cat([low.flatten(0, 1), features.float()], 1)
    features = features.view(n, CROPS, -1)
    return torch.stack([head(features[:, i]) for i, head in enumerate(heads)], 1)


def batch(data, rows):
    return torch.from_numpy(np.stack([data.mid[i] for i in rows])).float(), torch.from_numpy(data.low[rows])


def mixed(mid, low, rng):
    """Half of the copies take channel means and deviations halfway to another's: other cameras, of a kind."""
    other = torch.from_numpy(rng.permutation(len(mid)))
    some = torch.from_numpy((rng.random(len(mid)) < 0.5).astype(np.float32)) * torch.from_numpy(rng.beta(0.3, 0.3, len(mid)).astype(np.float32))
    mean, deviation = mid.mean((3, 4), keepdim=True), mid.std((3, 4), keepdim=True) + 1e-3
    share = some[:, None, None, None, None]
    to = (1 - share) * mean + share * mean[other], (1 - share) * deviation + share * deviation[other]
    return (mid - mean) / deviation * to[1] + to[0], low + some[:, None, None] * (low[other] - low)


def train(data, rows, a, log):
    rng = np.random.default_rng(a.seed)
    torch.manual_seed(a.seed)
    upper, heads = Upper(pretrained()), start(data, rows, a)
    upper.to(memory_format=torch.channels_last)
    groups = [dict(params=[p for p in upper.parameters() if p.requires_grad], lr=a.rate), dict(params=list(heads.parameters()), lr=a.head_rate)]
    best = torch.optim.AdamW(groups, weight_decay=1e-4)
    decay = torch.optim.lr_scheduler.LambdaLR(best, lambda s: min(1, (s + 1) / 20) * 0.5 * (1 + np.cos(np.pi * s / max(a.steps, 1))))
    kept = {k: v.detach().clone() for k, v in list(upper.state_dict(prefix="upper.").items()) + list(heads.state_dict(prefix="heads.").items())}
    began_as = {k: v.clone() for k, v in kept.items()}
    chance = data.weights(rows, a.recaptured)
    began, shown = time.time(), np.zeros(2)
    for step in range(a.steps):
        some = rng.choice(rows, a.batch, p=chance)
        mid, low = batch(data, some)
        if a.mix:
            mid, low = mixed(mid, low, rng)
        y = torch.from_numpy(targets(data, some, a))[:, None].expand(-1, CROPS, -1)
        out = forward(upper, heads, mid, low)
        label = F.binary_cross_entropy_with_logits(out[:, :, 0], y[:, :, 0])
        teacher = F.binary_cross_entropy_with_logits(out[:, :, 1:], y[:, :, 1:])
        best.zero_grad()
        small = sum((head.out.weight ** 2).sum() for head in heads)
        (label + a.teacher * teacher + a.strength / CROPS * small).backward()
        best.step()
        decay.step()
        share = min(a.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for prefix, part in (("upper.", upper), ("heads.", heads)):
                for k, v in part.state_dict(prefix=prefix).items():
                    kept[k].mul_(share).add_(v, alpha=1 - share)
        shown = 0.95 * shown + 0.05 * np.array([label.item(), teacher.item()])
        if step % 50 == 49:
            log("step %d: labels %.3f, teachers %.3f, %.0f s" % (step + 1, *(shown / (1 - 0.95 ** (step + 1))), time.time() - began))
    # Part of the way back to the pretrained network, which knows other cameras better.
    weights = {k: began_as[k] + a.share * (v - began_as[k]) for k, v in kept.items()}
    upper.load_state_dict({k[6:]: v for k, v in weights.items() if k.startswith("upper.")})
    heads.load_state_dict({k[6:]: v for k, v in weights.items() if k.startswith("heads.")})
    return upper, heads


@torch.no_grad()
def scored(data, upper, heads, rows):
    out = [forward(upper, heads, *batch(data, rows[i:i + 64])).numpy() for i in range(0, len(rows), 64)]
    return np.concatenate(out)


def fifth(clips):
    """Whether each clip is among a fifth of all; a person's clips of live and attack are on the same side."""
    return np.array([zlib.crc32("/".join(clip.split("/")[:2]).encode()) % 5 == 0 for clip in clips])


def options(parser):
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--head-rate", type=float, default=6e-4)
    parser.add_argument("--strength", type=float, default=0.5)
    parser.add_argument("--linear-steps", type=int, default=20)
    parser.add_argument("--teacher", type=float, default=2.0)
    parser.add_argument("--recaptured", type=float, default=0.25)
    parser.add_argument("--label", type=float, default=0.5, help="share of the label in the first target; the rest is the teachers'")
    parser.add_argument("--average", type=float, default=0.99, help="share of the running average of all weights that a step keeps")
    parser.add_argument("--share", type=float, default=0.5, help="share of the way from the pretrained network and its linear heads to the trained weights")
    parser.add_argument("--mix", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--name", required=True)
    a.add_argument("--train", help="another work folder to train on; --work is scored")
    a.add_argument("--out", default="all", help="folds that are held out: 0, or 03 for two; known: a fifth of the clips and people of all sets; all: none")
    options(a)
    a = a.parse_args()
    torch.set_num_threads(1)
    path = os.path.join(a.work, "fits", "%s-%s" % (a.name, a.out or "all"))
    if os.path.exists(path + ".npy"):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = Data(a.work, a.root)
    taught = Data(a.train, a.root) if a.train else data
    if a.out == "known":
        rows, mine = np.flatnonzero(~fifth(taught.clip)), fifth(data.clip[data.plain])
    else:
        held = np.isin(data.fold, [int(i) for i in a.out if i.isdigit()])
        rows, mine = np.flatnonzero(~np.isin(taught.set, data.set[held])), held[data.plain]
    if not a.recaptured:
        rows = rows[taught.kind[rows] != RECAPTURED]
    log = lambda text: print("%s %s: %s" % (a.name, a.out or "all", text), flush=True)
    everything = os.path.join(a.work, "fits", a.name + "-all.pt")
    if len(rows) == len(taught.kind) and os.path.exists(everything):  # nothing is left out of what is trained on
        weights = torch.load(everything, weights_only=True)
        upper, heads = Upper(pretrained()), torch.nn.ModuleList(Head(*torch.ones(2, data.frozen.shape[2])) for _ in range(CROPS))
        upper.load_state_dict(weights["upper"]), heads.load_state_dict(weights["heads"])
    else:
        upper, heads = train(taught, rows, a, log)
    scores = np.full((len(data.plain), CROPS, 3), np.nan, np.float32)
    if mine.any():
        scores[mine] = scored(data, upper, heads, data.plain[mine])
    torch.save(dict(upper=upper.state_dict(), heads=heads.state_dict()), path + ".pt")
    np.save(path + ".part.npy", scores)
    os.replace(path + ".part.npy", path + ".npy")


if __name__ == "__main__":
    main()
