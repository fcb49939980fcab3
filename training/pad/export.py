"""One fit on all sets -> models/NAME.onnx, models/NAME.json (the fusion) and the manifest's row.

    python pad/export.py --work pad/work --name NAME --to pad --models ../models
"""
import argparse
import hashlib
import json
import os

import numpy as np
import onnx
import torch
from torch import nn

import minifasnet
import protocol
from copies import MARGINS, SIZE
from evaluate import Fits
from network import CROPS, Head, Lower, Upper, pretrained

# What the fusions read (evaluate.NUMBERS), and the networks that it comes from (internal/pad).
USED = {"pad": ["wide", "tight"], "pad_free": ["wide", "tight", "fr_liveness"]}
NETS = {"wide": [dict(model=None, crops=list(MARGINS), size=SIZE)],
        "tight": [],  # the second output of that network
        "fr_liveness": [dict(model="fr_liveness", crops=[2.7], size=128, bgr=True, live_class=0)],
        "pair": [dict(model=n, crops=[m], size=minifasnet.SIZE, bgr=True, live_class=minifasnet.LIVE)
                 for n, m in zip(minifasnet.NAMES, minifasnet.MARGINS)]}
OUTPUTS = {"wide": 1, "tight": 1, "fr_liveness": 1, "pair": 2}  # numbers whose mean a fusion reads


class Served(nn.Module):
    """Two crops 1 x 3 x SIZE x SIZE, red first, 0..255 -> 1 x 2 log odds of live, of each crop."""

    def __init__(self, path):
        super().__init__()
        net, weights = pretrained(), torch.load(path, weights_only=True)
        self.lower, self.upper = Lower(net), Upper(net)
        self.upper.load_state_dict(weights["upper"])
        channels = len(weights["heads"]["0.mean"])
        self.heads = nn.ModuleList(Head(torch.zeros(channels), torch.ones(channels)) for _ in range(CROPS))
        self.heads.load_state_dict(weights["heads"])

    def forward(self, wide, tight):
        mid, low = self.lower(torch.cat([wide, tight], 0))
        features = torch.cat([low, self.upper(mid)], 1)
        return torch.cat([head(features[i:i + 1])[:, :1] for i, head in enumerate(self.heads)], 1)


def write(served, path):
    inputs = (torch.zeros(1, 3, SIZE, SIZE),) * CROPS
    with torch.no_grad():
        torch.onnx.export(served.eval(), inputs, path, input_names=["wide", "tight"], output_names=["log_odds"], opset_version=17, dynamo=False)
    model = onnx.load(path)
    model.producer_name, model.producer_version, model.doc_string = "training/pad", "", ""
    for node in model.graph.node:
        node.doc_string = ""
    halve(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def halve(graph):
    """Stores large weights in 16 bits; ONNX Runtime turns them into 32 once, when it loads them."""
    casts = []
    for weights in graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.size >= 256:
            name = weights.name
            weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name + ".half"))
            casts.append(onnx.helper.make_node("Cast", [name + ".half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)


def fusion(fits, use):
    """Weights and bias fitted on held-out log odds of all sets -> those two, and the fused log odds."""
    judged, _ = fits.judged(use)
    w, bias = protocol.fitted(judged.outer, judged.live, judged.weight)
    return w, bias, judged.outer @ w + bias


def ensemble(fits, use, name):
    """The fusion as internal/pad reads it."""
    w, bias, _ = fusion(fits, use)
    nets = [dict(net, model=net["model"] or name) for u in use for net in NETS[u]]
    weights = [round(float(v) / OUTPUTS[u], 4) for u, v in zip(use, w) for _ in range(OUTPUTS[u])]
    return dict(nets=nets, weights=weights, bias=round(float(bias), 4))


def correlation(odds, clips, live):
    """Of what is left of the log odds of a clip's frames when the label's mean is taken out."""
    error = np.zeros(len(odds))
    for label in (True, False):
        error[live == label] = odds[live == label] - odds[live == label].mean()
    between, within = [], []
    for clip in np.unique(clips):
        e = error[clips == clip]
        if len(e) > 1:
            between.append((e.sum() ** 2 - (e ** 2).sum()) / (len(e) * (len(e) - 1)))
            within.append((e ** 2).mean())
    return round(float(np.clip(np.mean(between) / np.mean(within), 0, 1)), 3)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--name", required=True)
    a.add_argument("--to", required=True, help="pad or pad_free")
    a.add_argument("--models", required=True)
    a.add_argument("--version", required=True)
    a = a.parse_args()
    torch.set_num_threads(1)
    path = os.path.join(a.models, a.to)
    write(Served(os.path.join(a.work, "fits", a.name + "-all.pt")), path + ".onnx")
    fits = Fits(a.work, a.name, a.root)
    use = USED[a.to]
    clips, live = np.array([p.clip for p in fits.pictures]), np.array([p.live for p in fits.pictures])
    recipe = dict(alone=ensemble(fits, use, a.to), with_pair=ensemble(fits, use + ["pair"], a.to),
                  correlation=correlation(fusion(fits, use)[2], clips, live))
    with open(path + ".json", "w") as file:
        json.dump(recipe, file, indent=2)
        file.write("\n")
    manifest = os.path.join(a.models, "manifest.json")
    with open(manifest) as file:
        rows = json.load(file)
    with open(path + ".onnx", "rb") as file:
        data = file.read()
    for row in rows["models"]:
        if row["id"] == a.to:
            row.update(version=a.version, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    with open(manifest, "w") as file:
        json.dump(rows, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
