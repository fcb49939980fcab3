"""What the lower blocks say of every crop, and the whole pretrained network's pooled channels: made once, read by all trainings.

    python pad/features.py --work pad/work

Writes mid.f16 (copies x crops x MID), low.npy (copies x crops x channels pooled in the lower blocks) and frozen.npy (all pooled channels).
"""
import argparse
import os
import time

import numpy as np
import torch

from copies import SIZE
from network import CROPS, MID, Lower, Upper, pretrained


@torch.no_grad()
def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a = a.parse_args()
    torch.set_num_threads(1)
    path = lambda name: os.path.join(a.work, name)
    n = len(np.load(path("of.npy")))
    crops = np.memmap(path("crops.u8"), np.uint8, "r", shape=(n, CROPS, SIZE, SIZE, 3))
    net = pretrained()
    lower, upper = Lower(net), Upper(net)
    mid = np.memmap(path("mid.f16"), np.float16, "w+", shape=(n, CROPS) + MID)
    low, frozen, began = [], [], time.time()
    for start in range(0, n, 64):
        x = torch.from_numpy(crops[start:start + 64].reshape(-1, SIZE, SIZE, 3)).permute(0, 3, 1, 2).float()
        out, kept = lower(x.contiguous(memory_format=torch.channels_last))
        mid[start:start + 64] = out.numpy().reshape((-1, CROPS) + MID)
        both = torch.cat([kept, upper(out)], 1).numpy()
        low.append(kept.numpy().reshape(-1, CROPS, kept.shape[1]))
        frozen.append(both.reshape(-1, CROPS, both.shape[1]))
        if start % 6400 == 0:
            print("features: %d of %d, %.0f s" % (start, n, time.time() - began), flush=True)
    mid.flush()
    np.save(path("low.npy"), np.concatenate(low))
    np.save(path("frozen.npy"), np.concatenate(frozen))


if __name__ == "__main__":
    main()
