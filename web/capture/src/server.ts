export type Mode = "phrase" | "selfie";

/** What the server wants of the person. */
export interface Session {
  mode: Mode;
  phrase?: string;
  /** Seconds. */
  expires_in: number;
}

/** What came of an upload. */
export interface Outcome {
  result: "passed" | "failed" | "again" | "ended";
  /** Stable names of what was wrong, such as "face_too_small", and the server's English sentence for it. */
  reason?: string;
  advice?: string;
  /** The token for the next try. */
  token?: string;
}

/** Why there was no outcome: no connection, a token that is no longer good, a server that is busy, or refused media. */
export type ServerFailure = "offline" | "expired" | "busy" | "refused";

export class ServerError extends Error {
  constructor(
    readonly failure: ServerFailure,
    /** Another token, where the server gave one. */
    readonly token?: string,
  ) {
    super(`no answer from the server: ${failure}`);
  }
}

/** A client of the two endpoints that take a capture token. */
export class Server {
  constructor(private readonly base: string) {}

  async session(token: string, signal: AbortSignal): Promise<Session> {
    let response: Response;
    try {
      response = await fetch(this.base + "/capture/session", { headers: { Authorization: "Bearer " + token }, signal });
    } catch {
      throw new ServerError("offline");
    }
    if (!response.ok) throw new ServerError(failureOf(response.status));
    return (await response.json()) as Session;
  }

  /** Uploads media; `progress` is told the share that was sent, 0 to 1. fetch tells no progress, hence the older call. */
  upload(
    token: string,
    mode: Mode,
    media: Blob,
    prompts: number[] | undefined,
    progress: (share: number) => void,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const form = new FormData();
    form.append("file", media, mode === "phrase" ? "recording" : "picture");
    if (prompts) form.append("prompts", JSON.stringify(prompts));
    const request = new XMLHttpRequest();
    return new Promise((resolve, reject) => {
      request.open("POST", this.base + (mode === "phrase" ? "/capture/recording" : "/capture/picture"));
      request.setRequestHeader("Authorization", "Bearer " + token);
      request.timeout = 180_000;
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) progress(event.loaded / event.total);
      });
      request.addEventListener("load", () => {
        const reply = (request.response ?? {}) as Outcome;
        if (request.status === 200 && reply.result) resolve(reply);
        else reject(new ServerError(failureOf(request.status), reply.token));
      });
      for (const event of ["error", "timeout"]) request.addEventListener(event, () => reject(new ServerError("offline")));
      signal.addEventListener("abort", () => {
        request.abort();
        reject(signal.reason);
      });
      request.send(form);
    });
  }
}

function failureOf(status: number): ServerFailure {
  if (status === 401 || status === 409) return "expired";
  if (status === 408) return "offline"; // the connection is too slow
  return status === 429 || status >= 500 ? "busy" : "refused";
}
