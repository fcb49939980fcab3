"""Writes trained weights as ONNX and their row in the manifest: export.py WORK/all.pt models/sound.onnx models/manifest.json"""
import hashlib, json, sys
import torch
from trials import net


def write(weights, out):
    torch.onnx.export(net(weights), torch.zeros(1, 100, 40), out, input_names=["spectra"], output_names=["log_posteriors"],
                      dynamic_axes={"spectra": {1: "rows"}, "log_posteriors": {1: "half"}}, opset_version=13)


def main():
    weights, out, manifest = sys.argv[1:]
    write(weights, out)
    data = open(out, "rb").read()
    row = {"id": "sound", "version": "1", "file": "sound.onnx", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
           "licence": "Apache-2.0", "terms": "free", "source": {"trained": "training/sound"},
           "task": "spoken digits",
           "input": "1xTx40 log-mel spectra, 100 a second, each band's mean taken out; T even",
           "output": "1x(T/2)x42 log posteriors: silence, other speech, four states of each digit"}
    table = json.load(open(manifest))
    table["models"] = [m for m in table["models"] if m["id"] != "sound"] + [row]
    with open(manifest, "w") as f:
        json.dump(table, f, indent=2, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
