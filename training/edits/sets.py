#!/usr/bin/python3
"""Makes the recordings that the edit gates are fitted and measured on, and set.csv, which lists them.

    sets.py --grid DATA/lips/grid --traces WORK/clips --out WORK/set [--each 10] [--only uncut|attacks]

The people are in two groups that never meet: what is fitted on one is measured on the other. `each` is the number of recordings of a
kind, or of a condition, and group. Recordings that are there already are left out.
"""
import argparse, csv, os, random
import attacks

GROUPS = {"a": ["s1", "s5", "s26", "s23"], "b": ["s4", "s2", "s30", "s32"]}
ENCODINGS = ["plain", "plain", "kbit600", "kbit300+fps15", "kbit150", "kbit2000+fps30", "vp8", "twice+kbit400", "twice+kbit1000+fps15"]
UNCUT = [("plain", c) for c in attacks.CONDITIONS] + [(e, "plain") for e in sorted(set(ENCODINGS) - {"plain"})]


def phrase(corpus, rng, people, digits):
    common = sorted(set.intersection(*({t["digit"] for t in corpus.tokens[p]} for p in people)))
    return "".join(rng.choice(common) for _ in range(digits))


def rows(corpus, each, digits):
    """All recordings, so that any first part of the list has a bit of everything."""
    for i in range(each):
        for group, members in GROUPS.items():
            for encoding, condition in UNCUT:
                rng = random.Random(f"uncut {i} {group} {encoding} {condition}")
                person = members[i % len(members)]
                yield dict(kind="uncut", gate="", group=group, people=person, phrase="", seed=rng.randrange(1 << 30), encoding=encoding,
                           condition=condition, path=f"uncut/{encoding}-{condition}-{group}{i:02d}.mp4")
            talkers = [p for p in members if len({t["digit"] for t in corpus.tokens.get(p, [])}) > 4]
            for k, (kind, gate) in enumerate(attacks.KINDS.items()):
                rng = random.Random(f"attack {i} {group} {kind}")
                people = rng.sample(talkers, 2) if kind in attacks.TWO_PEOPLE else [talkers[i % len(talkers)]]
                encoding = "plain" if i % 2 == 0 else ENCODINGS[2 + (k + i) % (len(ENCODINGS) - 2)]
                yield dict(kind=kind, gate=gate, group=group, people=",".join(people), phrase=phrase(corpus, rng, people, digits),
                           seed=rng.randrange(1 << 30), encoding=encoding, condition="plain", path=f"{kind}/{group}{i:02d}.mp4")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--grid", required=True); p.add_argument("--traces", required=True); p.add_argument("--out", required=True)
    p.add_argument("--each", type=int, default=10); p.add_argument("--digits", type=int, default=4); p.add_argument("--only", default="")
    o = p.parse_args()
    corpus, whole = attacks.Corpus(o.grid, o.traces), attacks.Corpus(o.grid)
    listed = list(rows(corpus, o.each, o.digits))
    os.makedirs(o.out, exist_ok=True)
    with open(os.path.join(o.out, "set.csv"), "w", newline="") as f:
        out = csv.DictWriter(f, listed[0].keys())
        out.writeheader()
        out.writerows(listed)
    for r in listed:
        target = os.path.join(o.out, r["path"])
        if o.only == "uncut" and r["kind"] != "uncut" or o.only == "attacks" and r["kind"] == "uncut":
            continue
        if os.path.exists(target):
            print(r["path"], flush=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        take = attacks.make(whole if r["kind"] == "uncut" else corpus, random.Random(r["seed"]), r["kind"], r["people"].split(","), r["phrase"])
        attacks.encode(take, target + ".part.mp4" if "vp8" not in r["encoding"] else target + ".part.webm", r["encoding"], r["condition"])
        with open(target + ".joints", "w") as f:  # seconds
            f.write("".join(f"{j / attacks.FPS:.2f}\n" for j in take.joints))
        os.replace(target + (".part.webm" if "vp8" in r["encoding"] else ".part.mp4"), target)
        print(r["path"], flush=True)


if __name__ == "__main__":
    main()
