/** Whose credentials are needed depends on the protocols that are called. */
export interface Options {
  /** For LipSecure. */
  apiKey?: string;
  /** For selfie liveness. */
  appId?: string;
  appKey?: string;
  /** For face liveness. */
  username?: string;
  password?: string;
  /** Seconds that one attempt may take; 60. */
  timeout?: number;
  /** How often a request that was refused with 429 or 503 is retried; 3. */
  retries?: number;
  /** The longest wait before such an attempt, in seconds; a server that asks for more gets no other attempt; 30. */
  maxWait?: number;
}

/** A transaction of LipSecure, and the digits that the person is to say. */
export interface Challenge {
  transactionId: string;
  phrase: string;
}

/** A face's box in pixels, and how sure the detector is of it, 0 to 1. */
export interface Face {
  x: number;
  y: number;
  width: number;
  height: number;
  confidence: number;
}

/** What selfie liveness says of a picture. */
export interface Selfie {
  /** Whether the score reaches the threshold; also false if there is no face or the picture is too poor. */
  live: boolean;
  /** That of the largest face, 0 to 1. */
  score: number;
  /** The largest first. */
  faces: Face[];
  /** The picture as shown, in pixels. */
  width: number;
  height: number;
}

type Bytes = Uint8Array | ArrayBuffer;

/**
 * Calls one server for one account. What a reply says is wrong is thrown as UserError, ClientError or ServerError; where no
 * reply came, fetch's own error is, which is named TimeoutError where the time was up.
 */
export class Client {
  constructor(url: string, options?: Options);
  /** Starts a LipSecure transaction. */
  challenge(): Promise<Challenge>;
  /**
   * Sends the video of the person saying the transaction's phrase. The score, 0 to 100, is the estimated probability, in
   * percent, that the video is a live response to it. A UserError leaves the transaction open.
   */
  verify(transactionId: string, video: Bytes): Promise<number>;
  /** Judges a picture. Without a threshold, the account's holds. */
  selfie(picture: Bytes, threshold?: number): Promise<Selfie>;
  /** Judges a picture. The score is 0 to 1. */
  face(picture: Bytes, session?: string): Promise<number>;
  /** Judges the picture at an http or https URL, which the server fetches. */
  faceAt(url: string | URL, session?: string): Promise<number>;
}

/** The error of a reply. It is one of the three below, which say who can fix it. */
export class BonafideError extends Error {
  /** HTTP status; 200 for what is wrong with the picture or the video. */
  readonly status: number;
  /** The protocol's: LipSecure's number, such as "1009", or a name, such as "FACE_NOT_FOUND". */
  readonly code: string;
  /** Seconds that the server asks to wait; 0 where it does not say. */
  readonly retryAfter: number;
}
/** For the person in front of the camera: show them what to do better, and let them try again. */
export class UserError extends BonafideError {}
/** For whoever wrote the calling program. */
export class ClientError extends BonafideError {}
/** For whoever runs the server. */
export class ServerError extends BonafideError {}
