#!/usr/bin/python3
"""The trials that trials.py made, filmed under other conditions: the same recordings, changed by ffmpeg.

    conditions.py --trials WORK/trials --condition dim --out WORK/trials-dim [--recordings 6] [--stills 2]
"""
import argparse, csv, os, subprocess

# Arguments of ffmpeg between input and output. Faces in the plain recordings are about 275 px high.
CONDITIONS = {
    "fps15": ["-vf", "fps=15"],
    "fps30": ["-vf", "fps=30"],
    "uneven": ["-vf", "select='not(eq(mod(n,7),2)+eq(mod(n,11),5))'", "-fps_mode", "vfr"],
    "kbit150": ["-b:v", "150k", "-maxrate", "150k", "-bufsize", "300k", "-preset", "veryfast"],
    "dim": ["-vf", "eq=brightness=-0.12:contrast=0.45:gamma=0.8,noise=alls=8:allf=t"],
    "side": ["-vf", "geq=lum='lum(X,Y)*(0.25+0.9*X/W)':cb='cb(X,Y)':cr='cr(X,Y)'"],
    "small": ["-vf", "scale=w=iw*0.46:h=ih*0.46,pad=640:480:(ow-iw)/2:(oh-ih)/2:gray"],
    "large": ["-vf", "crop=iw*0.62:ih*0.75:iw*0.19:ih*0.23,scale=1000:906"],
    "fast": ["-vf", "setpts=PTS/1.4,fps=25", "-an"],
    "slow": ["-vf", "setpts=PTS/0.7,fps=25", "-an"],
    # The camera, and so the head, sways for the first and the last 0.8 s.
    "moving": ["-vf", "crop=w=iw*0.9:h=ih*0.9:x='(iw-ow)/2*(1+sin(10*t)*(lt(t,0.8)+gt(t,2.8)))':"
                      "y='(ih-oh)/2*(1+0.7*sin(7*t)*(lt(t,0.8)+gt(t,2.8)))',scale=640:480"],
    "tilt": ["-vf", "rotate=10*PI/180:fillcolor=gray"],
    "turned": ["-vf", "perspective=x0=0:y0=-22:x1=W*0.955:y1=14:x2=0:y2=H+22:x3=W*0.955:y3=H-14:sense=destination"],
}


def change(source, target, condition):
    quality = [] if "-b:v" in condition else ["-crf", "23", "-preset", "veryfast"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *condition, "-an", "-c:v", "libx264", *quality,
                    "-pix_fmt", "yuv420p", target + ".part.mp4"], check=True)
    os.replace(target + ".part.mp4", target)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--trials", required=True); p.add_argument("--condition", required=True, choices=sorted(CONDITIONS))
    p.add_argument("--out", required=True); p.add_argument("--recordings", type=int, default=6); p.add_argument("--stills", type=int, default=2)
    o = p.parse_args()
    wanted = {f"recording{i:02d}.mp4" for i in range(o.recordings)} | {f"still{i}.mp4" for i in range(o.stills)}
    rows = [r for r in csv.DictReader(open(os.path.join(o.trials, "trials.csv"))) if os.path.basename(r["path"]) in wanted]
    for path in sorted({r["path"] for r in rows}):
        target = os.path.join(o.out, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            change(os.path.join(o.trials, path), target, CONDITIONS[o.condition])
    with open(os.path.join(o.out, "trials.csv"), "w", newline="") as f:
        out = csv.DictWriter(f, rows[0].keys())
        out.writeheader()
        out.writerows(rows)


if __name__ == "__main__":
    main()
