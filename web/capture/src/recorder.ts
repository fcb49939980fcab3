/** MP4 where the browser can, else WebM. */
const kinds = ["video/mp4;codecs=avc1.42E01F", "video/mp4", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];

const bitsPerSecond = 2_500_000;

/** One recording of a stream. */
export class Recording {
  private readonly recorder: MediaRecorder;
  private readonly parts: Blob[] = [];
  private began = 0;

  constructor(stream: MediaStream) {
    const mimeType = kinds.find((kind) => MediaRecorder.isTypeSupported(withSound(kind, stream)));
    this.recorder = new MediaRecorder(stream, {
      videoBitsPerSecond: bitsPerSecond,
      ...(mimeType && { mimeType: withSound(mimeType, stream) }),
    });
    this.recorder.addEventListener("dataavailable", (event) => this.parts.push(event.data));
  }

  /** Resolves when the recording has begun. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.recorder.addEventListener("start", () => {
        this.began = performance.now();
        resolve();
      });
      this.recorder.addEventListener("error", () => reject(new Error("the recording failed")));
      this.recorder.start();
    });
  }

  /** Milliseconds since the recording began. */
  elapsed(): number {
    return performance.now() - this.began;
  }

  stop(): Promise<Blob> {
    return new Promise((resolve) => {
      this.recorder.addEventListener("stop", () => resolve(new Blob(this.parts, { type: this.recorder.mimeType })));
      this.recorder.stop();
    });
  }

  cancel(): void {
    if (this.recorder.state !== "inactive") this.recorder.stop();
  }
}

function withSound(kind: string, stream: MediaStream): string {
  const codec = kind.includes("avc1") ? ",mp4a.40.2" : kind.includes("codecs") ? ",opus" : "";
  return stream.getAudioTracks().length > 0 ? kind + codec : kind;
}
