"""The MiniFASNet pair as Silent-Face publishes it (Apache-2.0) -> ONNX, for the folder of own models.

    python pad/export_pair.py --from Silent-Face-Anti-Spoofing/resources/anti_spoof_models --to OWN-MODELS

The program uses the pair beside its own weights as soon as both files are in the folder that own-models names.
"""
import argparse
import os

import torch

from minifasnet import NAMES, SIZE, MiniFasNet

# As the project names them, and as shorter copies may be named.
FILES = {"minifasnet_2_7": ("2.7_80x80_MiniFASNetV2.pth", "minifasnet_2_7.pth"),
         "minifasnet_4_0": ("4_0_0_80x80_MiniFASNetV1SE.pth", "minifasnet_4_0.pth")}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--from", dest="source", required=True)
    a.add_argument("--to", required=True)
    a = a.parse_args()
    for name in NAMES:
        path = next((p for p in (os.path.join(a.source, f) for f in FILES[name]) if os.path.exists(p)), None)
        if path is None:
            raise SystemExit("%s has none of %s: give the folder with Silent-Face's weights" % (a.source, ", ".join(FILES[name])))
        with torch.no_grad():
            torch.onnx.export(MiniFasNet(path), (torch.zeros(1, 3, SIZE, SIZE),), os.path.join(a.to, name + ".onnx"),
                              input_names=["face"], output_names=["logits"], opset_version=17, dynamo=False)


if __name__ == "__main__":
    main()
