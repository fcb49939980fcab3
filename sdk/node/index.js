/**
 * Client of a bonafide face-liveness server: LipSecure, selfie liveness and face liveness. index.d.ts says what it takes and
 * gives. It uses fetch and nothing else.
 */

/** The error of a reply. It is one of the three below, which say who can fix it. */
export class BonafideError extends Error {
  constructor(status, code, message) {
    super(message);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.retryAfter = 0;
  }
}
export class UserError extends BonafideError {}
export class ClientError extends BonafideError {}
export class ServerError extends BonafideError {}

/** The longest waits that the client chooses itself, in seconds: doubled for each attempt. */
const firstWait = 0.5, maxBackoff = 8;

export class Client {
  #url; #credentials; #timeout; #retries; #maxWait;

  constructor(url, { timeout = 60, retries = 3, maxWait = 30, ...credentials } = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#credentials = credentials;
    this.#timeout = timeout;
    this.#retries = retries;
    this.#maxWait = maxWait;
  }

  async challenge() {
    const { transactionId, phrase } = await this.#call("/challenge", this.#key(), undefined, lipSecureFault);
    return { transactionId, phrase };
  }

  async verify(transactionId, video) {
    const form = new FormData();
    form.append("file", new Blob([video]), "video");
    const reply = await this.#call(`/verifier/${encodeURIComponent(transactionId)}`, this.#key(), form, lipSecureFault);
    return reply.score;
  }

  async selfie(picture, threshold) {
    const form = new FormData();
    if (threshold !== undefined) form.append("threshold", String(threshold));
    form.append("selfie", new Blob([picture]), "selfie");
    const { appId = "", appKey = "" } = this.#credentials;
    const reply = await this.#call("/liveness-verification", { app_id: appId, app_key: appKey }, form, selfieFault);
    const { faces_liveness: score, faces_predicted: faces, img } = reply.response_data;
    return {
      live: reply.response_code === 0,
      score,
      faces: faces.map(({ confidence, delta, top_left: { x, y } }) => ({ x, y, width: delta.x, height: delta.y, confidence })),
      width: img.width,
      height: img.height,
    };
  }

  face(picture, session = "") {
    return this.#face(base64(picture), session);
  }

  faceAt(url, session = "") {
    return this.#face(String(url), session);
  }

  async #face(faceImageBase, sessionId) {
    const { username = "", password = "" } = this.#credentials;
    const headers = {
      "Authorization": "Basic " + base64(new TextEncoder().encode(`${username}:${password}`)),
      "Content-Type": "application/json",
    };
    const reply = await this.#call("/api/v1/face/liveness", headers, JSON.stringify({ sessionId, faceImageBase }), faceFault);
    return reply.score;
  }

  #key() {
    return { "X-API-Key": this.#credentials.apiKey ?? "" };
  }

  /** Sends the request, again where the server asks for it, and returns the reply. */
  async #call(path, headers, body, faultOf) {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(this.#url + path, { method: "POST", headers, body, signal: AbortSignal.timeout(this.#timeout * 1000) });
      const reply = parse(await response.text());
      const fault = faultOf(response.status, reply);
      if (!fault) return reply;
      fault.retryAfter = retryAfter(response.headers.get("Retry-After"));
      const wait = this.#wait(attempt, fault);
      if (wait === undefined) throw fault;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  /** Seconds to wait before the next attempt; undefined where there is none. */
  #wait(attempt, { status, retryAfter }) {
    if (attempt >= this.#retries || (status !== 429 && status !== 503)) return undefined;
    if (retryAfter > 0) return retryAfter <= this.#maxWait ? retryAfter : undefined;
    const backoff = Math.min(firstWait * 2 ** attempt, maxBackoff);
    return (backoff / 2) * (1 + Math.random()); // not all clients at the same time
  }
}

/** The reply's object; {} where it is none. */
function parse(text) {
  try {
    const reply = JSON.parse(text);
    return reply !== null && typeof reply === "object" ? reply : {};
  } catch {
    return {};
  }
}

/** Seconds of the header, which has seconds or a date. */
function retryAfter(text) {
  if (!text) return 0;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Math.max(seconds || 0, 0);
}

function base64(bytes) {
  bytes = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** The error for a status; without a code, of a reply that is not the protocol's, such as a proxy's. */
function byStatus(status, code = String(status), message = `status ${status}`) {
  const Kind = status >= 400 && status < 500 ? ClientError : ServerError;
  return new Kind(status, code, message);
}

const kinds = { user: UserError, client: ClientError, server: ServerError };

function lipSecureFault(status, { error }) {
  if (typeof error !== "object") return byStatus(status);
  if (error.type === "" && status === 200) return undefined;
  return new (kinds[error.type] ?? ServerError)(status, String(error.code), error.message);
}

function selfieFault(status, { response_data, errors }) {
  if (status === 200 && response_data) return undefined;
  return byStatus(status, errors?.[0]?.code, errors?.[0]?.message);
}

/** The errors that come with status 200 and are not for the person. */
const notThePictures = { IMAGE_NOT_FETCHED: ClientError, INTERNAL_ERROR: ServerError };

function faceFault(status, { score, error }) {
  if (error === undefined) return status === 200 && score !== undefined ? undefined : byStatus(status);
  const [code, message = code] = error.split(/: (.*)/s);
  if (status !== 200) return byStatus(status, code, message);
  return new (notThePictures[code] ?? UserError)(status, code, message);
}
