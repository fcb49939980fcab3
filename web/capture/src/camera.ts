import type { Mode } from "./server.js";

/** Why there is no camera: the person said no, there is none, another program has it, or the page is not secure. */
export type CameraFailure = "denied" | "absent" | "busy" | "insecure";

export class CameraError extends Error {
  constructor(readonly failure: CameraFailure) {
    super(`the camera cannot be used: ${failure}`);
  }
}

/** What lips can be read from, and what a selfie deserves; the browser picks what is nearest. */
const sizes: Record<Mode, MediaTrackConstraints> = {
  phrase: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
  selfie: { width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** Opens the camera that faces the person, with the microphone where sound is wanted and allowed. */
export async function openCamera(mode: Mode, sound: boolean): Promise<MediaStream> {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new CameraError("insecure");
  const video: MediaTrackConstraints = { facingMode: "user", ...sizes[mode] };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: sound });
  } catch (error) {
    if (sound) return openCamera(mode, false); // without a microphone the lips alone are read
    throw new CameraError(failureOf(error));
  }
}

function failureOf(error: unknown): CameraFailure {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "absent";
    default:
      return "busy";
  }
}

export function closeCamera(stream: MediaStream | undefined): void {
  stream?.getTracks().forEach((track) => track.stop());
}

/** A JPEG of what the video shows, in the camera's own pixels and not mirrored. */
export async function takePicture(video: HTMLVideoElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const picture = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  if (!picture) throw new CameraError("busy");
  return picture;
}
