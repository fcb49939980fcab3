#!/usr/bin/python3
"""Makes labelled trials for `bonafide eval phrase` out of GRID speakers, with splice.py.

    trials.py --splice ../shared/tools/splice.py --grid ../shared/data/lips/grid --out WORK/trials
              [--speakers s1,s2,…] [--recordings 40] [--seed 1] [--pauses]

For each speaker: recordings of random phrases (genuine; the same recordings with another phrase claimed are the
impostors, so that both are spliced alike), unspliced sentences of the corpus, held still pictures and closed mouths.
Writes the recordings and trials.csv (path, spoken, claimed, person, kind).
"""
import argparse, csv, functools, importlib.util, os, random, shutil, subprocess, sys

def load_splice(path):
    spec = importlib.util.spec_from_file_location("splice", path)
    splice = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(splice)
    splice.frames = functools.lru_cache(80)(splice.frames)  # a clip serves many recordings
    splice.sound = functools.lru_cache(80)(splice.sound)
    return splice


def with_pauses(splice):
    """Lets every digit be followed by 0.2 to 0.6 s of the closed mouth that its clip starts with, to and fro."""
    piece = splice.piece

    def lengthen_pauses(token, root, pad):
        mouth = splice.frames(os.path.join(root, token["file"]))[:8]
        count = 5 + 5 * (int(token["digit"]) % 3)
        mouth = mouth[splice.np.resize(splice.np.r_[0:8, 6:0:-1], count)]
        return splice.join(piece(token, root, pad), (mouth, splice.np.zeros(count * splice.RATE // splice.CORPUS_FPS, "int16")), 2)

    splice.piece = lengthen_pauses


def other_phrase(rng, phrase):
    while True:
        q = "".join(rng.choice("0123456789") for _ in phrase)
        if q != phrase:
            return q


def one_wrong(rng, phrase):
    k = rng.randrange(len(phrase))
    return phrase[:k] + rng.choice([d for d in "0123456789" if d != phrase[k]]) + phrase[k + 1:]


def swap_digits(rng, phrase):
    places = [i for i in range(len(phrase) - 1) if phrase[i] != phrase[i + 1]]
    if not places:
        return None
    k = rng.choice(places)
    return phrase[:k] + phrase[k + 1] + phrase[k] + phrase[k + 2:]


def closed(grid, clip, out, seconds):
    """The clip's closed mouth before the sentence, played to and fro."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", os.path.join(grid, clip), "-an", "-filter_complex",
                    "[0]trim=end_frame=8,split[a][b];[b]reverse[c];[a][c]concat,loop=%d:16,trim=end_frame=%d,"
                    "setpts=N/25/TB,scale=640:480:force_original_aspect_ratio=increase,crop=640:480" %
                    (seconds * 2, seconds * 25), "-crf", "23", "-preset", "veryfast", "-pix_fmt", "yuv420p", out], check=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--splice", required=True); p.add_argument("--grid", required=True); p.add_argument("--out", required=True)
    p.add_argument("--speakers", default=""); p.add_argument("--recordings", type=int, default=40)
    p.add_argument("--sentences", type=int, default=20); p.add_argument("--stills", type=int, default=6)
    p.add_argument("--seed", type=int, default=1); p.add_argument("--pauses", action="store_true")
    o = p.parse_args()
    splice = load_splice(o.splice)
    if o.pauses:
        with_pauses(splice)
    tokens = list(csv.DictReader(open(os.path.join(o.grid, "tokens.tsv")), delimiter="\t"))
    speakers = o.speakers.split(",") if o.speakers else sorted({t["speaker"] for t in tokens})
    rows = []
    for speaker in speakers:
        rng = random.Random(f"{o.seed} {speaker}")
        own = [t for t in tokens if t["speaker"] == speaker]
        digits = sorted({t["digit"] for t in own})
        os.makedirs(os.path.join(o.out, speaker), exist_ok=True)

        def make(name, phrase, *more):
            path = f"{speaker}/{name}.mp4"
            full = os.path.join(o.out, path)
            if not os.path.exists(full):
                sys.argv = ["splice", "--root", o.grid, "--speaker", speaker, "--phrase", phrase, "--out", full + ".new.mp4",
                            "--seed", str(rng.randrange(1 << 30)), *more]
                splice.main()
                os.replace(full + ".new.mp4", full)
            else:
                rng.randrange(1 << 30)
            return path

        for i in range(o.recordings if len(digits) > 3 else 0):
            spoken = "".join(rng.choice(digits) for _ in range(6))
            path = make(f"recording{i:02d}", spoken)
            claims = [(spoken, "genuine")] + [(other_phrase(rng, spoken), "random") for _ in range(6)]
            claims += [(one_wrong(rng, spoken), "one_wrong"), (swap_digits(rng, spoken), "swapped")]
            rows += [(path, spoken, c, speaker, kind) for c, kind in claims if c]
        for i in range(o.stills):
            phrase = "".join(rng.choice(digits) for _ in range(6))
            rows.append((make(f"still{i}", phrase, "--still"), "", phrase, speaker, "still"))
        for i, t in enumerate(rng.sample(own, min(o.sentences, len(own)))):
            path = f"{speaker}/sentence_{t['name']}.mp4"
            shutil.copyfile(os.path.join(o.grid, t["file"]), os.path.join(o.out, path))
            rows += [(path, "", other_phrase(rng, "------"), speaker, "sentence") for _ in range(5)]
            if i < o.stills:
                path = f"{speaker}/closed{i}.mp4"
                if not os.path.exists(os.path.join(o.out, path)):
                    closed(o.grid, t["file"], os.path.join(o.out, path), 4)
                rows += [(path, "", other_phrase(rng, "------"), speaker, "closed") for _ in range(5)]
        splice.frames.cache_clear(); splice.sound.cache_clear()
    with open(os.path.join(o.out, "trials.csv"), "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["path", "spoken", "claimed", "person", "kind"])
        out.writerows(rows)


if __name__ == "__main__":
    main()
