"""Linear fits on the frozen features alone, in the same files as fit.py writes: what training the network further has to beat."""
import argparse
import os

import numpy as np
import torch

import fit
import protocol
from copies import AUGMENTED, PLAIN


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--name", required=True)
    a.add_argument("--kinds", default="0")
    a.add_argument("--nested", action="store_true")
    fit.options(a)
    a = a.parse_args()
    torch.set_num_threads(1)
    data = fit.Data(a.work, a.root)
    kinds = [int(k) for k in a.kinds.split(",")]
    a.recaptured = a.recaptured if 2 in kinds else 0
    os.makedirs(os.path.join(a.work, "fits"), exist_ok=True)
    for out in protocol.left_out(data.fold.max() + 1, a.nested):
        rows = np.flatnonzero(~np.isin(data.fold, out) & np.isin(data.kind, kinds))
        heads = fit.start(data, rows, a)
        with torch.no_grad():
            scores = torch.stack([h(torch.from_numpy(np.ascontiguousarray(data.frozen[data.plain, i]))) for i, h in enumerate(heads)], 1)
        np.save(os.path.join(a.work, "fits", "%s-%s.npy" % (a.name, "".join(map(str, out)))), scores.numpy())


if __name__ == "__main__":
    main()
