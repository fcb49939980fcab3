import { FaceFinder, type Face } from "./face.js";

/** What the person should do before recording; "ready": nothing. */
export type Hint = "find" | "closer" | "further" | "centre" | "straight" | "light" | "glare" | "side" | "still" | "ready";

/** What is measured of one frame. Brightness is 0..255; sizes are shares of the frame's shorter side. */
export interface Look {
  face: Face | undefined;
  /** Of the whole frame. */
  brightness: number;
  /** Of the face's left and right half as the camera sees them. */
  left: number;
  right: number;
  /** Mean change of a pixel since the frame before. */
  motion: number;
  width: number;
  height: number;
}

// The server decides (docs/lipsecure.md, errors 1002 to 1007); these limits are a little stricter, so that who keeps to
// the hints passes its gates.
const far = 0.24;
const near = 0.6;
const offCentre = 0.12;
const dark = 55;
const darkRoom = 35;
const bright = 225;
const oneSided = 2.5;
const restless = 22;

/** The first thing to correct. `before` is the face of the last frame that had one. */
export function hint(look: Look, before: Face | undefined): Hint {
  const side = Math.min(look.width, look.height);
  const { face } = look;
  if (!face) {
    if (look.brightness < darkRoom) return "light";
    return before && before.size / side > near * 0.85 ? "further" : "find";
  }
  if (Math.min(look.left, look.right) > bright) return "glare";
  if ((look.left + look.right) / 2 < dark) return "light";
  const size = face.size / side;
  if (size < far) return "closer";
  if (size > near) return "further";
  const x = face.x + face.size / 2 - look.width / 2;
  const y = face.y + face.size / 2 - look.height / 2;
  if (Math.abs(x) / side > offCentre || Math.abs(y) / side > offCentre) return "centre";
  if (!face.frontal) return "straight";
  if (Math.max(look.left, look.right) > oneSided * Math.max(1, Math.min(look.left, look.right))) return "side";
  if (look.motion > restless) return "still";
  return "ready";
}

const shortSide = 120;
const every = 160;
/** A slow phone spends at most a quarter of its time on looking. */
const rest = 3;
/** Milliseconds for which a face that was sure to look straight is taken to do so. */
const straightFor = 2000;
/** A hint must hold for so many looks before it is told, so that it does not flicker. */
const steady = 3;

/** Watches a video and tells what to do, several times a second. Nothing leaves the page. */
export class Guide {
  private readonly canvas = document.createElement("canvas");
  private finder: FaceFinder | undefined;
  private before: Uint8Array | undefined;
  private lastFace: Face | undefined;
  private candidate: Hint | undefined;
  private seen = 0;
  private timer = 0;
  private straightUntil = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly tell: (hint: Hint) => void,
  ) {}

  start(): void {
    this.stop();
    const step = () => {
      const began = performance.now();
      this.step(began);
      this.timer = window.setTimeout(step, Math.max(every, rest * (performance.now() - began)));
    };
    step();
  }

  stop(): void {
    window.clearTimeout(this.timer);
  }

  private step(at: number): void {
    const look = this.look();
    if (!look) return;
    if (look.face?.frontal) this.straightUntil = at + straightFor;
    else if (look.face && at < this.straightUntil) look.face.frontal = true;
    const now = hint(look, this.lastFace);
    if (look.face) this.lastFace = look.face;
    this.seen = now === this.candidate ? this.seen + 1 : 1;
    this.candidate = now;
    if (this.seen === steady) this.tell(now);
  }

  private look(): Look | undefined {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || !videoHeight) return undefined;
    const scale = shortSide / Math.min(videoWidth, videoHeight);
    const width = Math.round(videoWidth * scale);
    const height = Math.round(videoHeight * scale);
    if (this.finder?.width !== width || this.finder.height !== height) {
      this.finder = new FaceFinder(width, height);
      this.canvas.width = width;
      this.canvas.height = height;
      this.before = undefined;
    }
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return undefined;
    context.drawImage(this.video, 0, 0, width, height);
    const grey = toGrey(context.getImageData(0, 0, width, height).data);
    const face = this.finder.find(grey);
    const middle = face ? face.size / 2 : 0;
    const look = {
      face,
      width,
      height,
      brightness: mean(grey, width, 0, 0, width, height),
      left: face ? mean(grey, width, face.x, face.y, middle, face.size) : 0,
      right: face ? mean(grey, width, face.x + middle, face.y, middle, face.size) : 0,
      motion: change(grey, this.before),
    };
    this.before = grey;
    return look;
  }
}

/** Luma (ITU-R BT.601) of RGBA pixels. */
export function toGrey(rgba: Uint8ClampedArray): Uint8Array {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = 0.299 * (rgba[4 * i] ?? 0) + 0.587 * (rgba[4 * i + 1] ?? 0) + 0.114 * (rgba[4 * i + 2] ?? 0);
  }
  return grey;
}

function mean(grey: Uint8Array, stride: number, x: number, y: number, width: number, height: number): number {
  let sum = 0;
  let count = 0;
  const right = Math.min(stride, x + width);
  const bottom = Math.min(grey.length / stride, y + height);
  for (let row = Math.max(0, Math.floor(y)); row < bottom; row++) {
    for (let column = Math.max(0, Math.floor(x)); column < right; column++) {
      sum += grey[row * stride + column] ?? 0;
      count++;
    }
  }
  return count ? sum / count : 0;
}

function change(now: Uint8Array, before: Uint8Array | undefined): number {
  if (before?.length !== now.length) return 0;
  let sum = 0;
  for (let i = 0; i < now.length; i++) sum += Math.abs((now[i] ?? 0) - (before[i] ?? 0));
  return sum / now.length;
}
