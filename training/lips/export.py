#!/usr/bin/python3
"""Writes the weights as ONNX, and the row of models/manifest.json that names them.

    export.py --weights WORK/all.pt[+WORK/all-2.pt…] --out models/lips.onnx --manifest models/manifest.json --version 1
"""
import argparse
import hashlib
import json

import torch

from model import load


def write(product, name):
    torch.onnx.export(product, (torch.rand(1, 60, 48, 64) * 255, torch.rand(1, 60, 42)), name, opset_version=13,
                      input_names=["mouth", "shape"], output_names=["log_posteriors"],
                      dynamic_axes={"mouth": {1: "pictures"}, "shape": {1: "pictures"}, "log_posteriors": {1: "pictures"}})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--weights", required=True); p.add_argument("--out", required=True)
    p.add_argument("--manifest", required=True); p.add_argument("--version", required=True)
    o = p.parse_args()
    write(load(o.weights), o.out)
    data = open(o.out, "rb").read()
    row = {"id": "lips", "version": o.version, "file": "lips.onnx", "sha256": hashlib.sha256(data).hexdigest(),
           "bytes": len(data), "licence": "Apache-2.0", "terms": "free", "source": {"trained": "training/lips"},
           "task": "visual speech: digits from the lips",
           "input": "1xTx48x64 grey 0..255, aligned mouth pictures, 25 a second; 1xTx42 shapes of lips and chin",
           "output": "1xTx42 log posteriors: silence, other speech, four states of each digit"}
    manifest = json.load(open(o.manifest))
    places = [i for i, m in enumerate(manifest["models"]) if m["id"] == "lips"]
    if places:
        manifest["models"][places[0]] = row
    else:
        manifest["models"].append(row)
    with open(o.manifest, "w") as f:
        json.dump(manifest, f, indent=2, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
