#!/usr/bin/python3
"""Trains the network on all GRID speakers but those held out; goes on from its checkpoint when it was stopped."""
import argparse
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

import corpus
from model import Lips

BATCH, LENGTH = 5, 96  # sequences of 3.8 s
EVERY = 100            # iterations between checkpoints


def rate(i, iterations, top=2e-3):
    """Learning rate: a short rise, then half a cosine."""
    return top * min(1, (i + 1) / 50) * (0.5 * (1 + np.cos(np.pi * i / iterations)) + 0.01)


def loss_of(model, pictures, shapes, phones, states, weight):
    log_states, log_phones = model(torch.from_numpy(pictures) * 255, torch.from_numpy(shapes))
    states, phones = torch.from_numpy(states), torch.from_numpy(phones)
    loss = F.nll_loss(log_states.flatten(0, 1), states.flatten(), weight=weight, ignore_index=corpus.UNKNOWN)
    loss = loss - 0.05 * log_states.mean()  # label smoothing
    digit = states >= 2
    right = ((log_states.argmax(-1) - 2) // corpus.STATES == (states - 2) // corpus.STATES)[digit].float().mean()
    return loss + 0.5 * F.nll_loss(log_phones.flatten(0, 1), phones.flatten()), right.item()


def average(mean, model, i):
    """Exponential moving average of the weights: what is used in the end."""
    keep = min(0.998, (i + 1) / (i + 20))
    with torch.no_grad():
        for a, b in zip(mean.state_dict().values(), model.state_dict().values()):
            if a.dtype.is_floating_point:
                a.mul_(keep).add_(b, alpha=1 - keep)
            else:
                a.copy_(b)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--grid", required=True, help="the corpus: tokens.tsv, align/, SPEAKER/*.mp4")
    p.add_argument("--pictures", required=True, help="what extract wrote")
    p.add_argument("--out", required=True, help="weights to write; nothing is done when they are there")
    p.add_argument("--hold", default="", help="speakers to leave out: s1,s2")
    p.add_argument("--iterations", type=int, default=1600)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    o = p.parse_args()
    if os.path.exists(o.out):
        return
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    source = corpus.Source(corpus.load(o.grid, o.pictures), o.hold.split(","))
    model, mean = Lips(), Lips()
    mean.load_state_dict(model.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    weight = torch.ones(corpus.CLASSES)
    weight[[corpus.SILENCE, corpus.OTHER]] = 0.5
    first, checkpoint = 0, o.out + ".checkpoint"
    if os.path.exists(checkpoint):
        kept = torch.load(checkpoint)
        model.load_state_dict(kept["model"]), mean.load_state_dict(kept["mean"]), optimiser.load_state_dict(kept["optimiser"])
        first = kept["next"]
    losses, rights, began = [], [], time.time()
    for i in range(first, o.iterations):
        rng = np.random.default_rng([o.seed, i])  # of the iteration, so that a run that was stopped goes on alike
        torch.manual_seed(o.seed * 1_000_003 + i)
        for group in optimiser.param_groups:
            group["lr"] = rate(i, o.iterations)
        loss, right = loss_of(model.train(), *source.batch(rng, BATCH, LENGTH), weight)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2)
        optimiser.step()
        average(mean, model, i)
        losses.append(loss.item()), rights.append(right)
        if (i + 1) % EVERY == 0:
            torch.save({"model": model.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict(),
                        "next": i + 1}, checkpoint + ".part")
            os.replace(checkpoint + ".part", checkpoint)
            left = (time.time() - began) / (i + 1 - first) * (o.iterations - i - 1)
            print(f"{os.path.basename(o.out)} {i + 1}/{o.iterations}  loss {np.mean(losses[-EVERY:]):.3f}  "
                  f"digit pictures right {np.nanmean(rights[-EVERY:]):.3f}  {left / 60:.0f} min left", flush=True)
    torch.save(mean.state_dict(), o.out)


if __name__ == "__main__":
    main()
