import { CameraError, closeCamera, openCamera, takePicture } from "./camera.js";
import { h, svg } from "./dom.js";
import { Guide, type Hint } from "./guidance.js";
import { prompt, wait } from "./prompts.js";
import { Recording } from "./recorder.js";
import { Server, ServerError, type Mode, type Outcome, type Session } from "./server.js";
import { style } from "./style.js";
import { addLanguage, fill, wordsFor, type Words } from "./words/index.js";

export type { Mode, Outcome, Words };

/** The element's state; also the detail of the event "bonafide-state". */
export type State = "idle" | "opening" | "guiding" | "countdown" | "recording" | "sending" | "done" | "error";

/** Media that is ready to be sent. */
interface Media {
  blob: Blob;
  prompts?: number[];
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(style);

const countdownFrom = 3;

/** The page went into the background while recording. */
class Hidden extends Error {}

/**
 * <bonafide-capture token="…" mode="phrase|selfie" server="https://liveness.example">
 *
 * Attributes: `token`, the capture token that the page got from its own server; `mode`, what the page expects; `server`,
 * the bonafide server's origin, by default the page's own; `lang`; `sound`, to record the voice too; `file`, to offer a
 * file instead of the camera.
 *
 * Events: "bonafide-state" with the State, "bonafide-result" with the Outcome, and "bonafide-expired" when the page should
 * set another token. They are for display only: the page's own server asks the bonafide server for the result.
 */
export class BonafideCapture extends HTMLElement {
  static readonly observedAttributes = ["token", "mode", "lang", "server"];
  static readonly addLanguage = addLanguage;

  private readonly root: ShadowRoot;
  private readonly frame = h("div", { class: "frame" });
  private words!: Words;
  private session: Session | undefined;
  private token = "";
  private stream: MediaStream | undefined;
  private guide: Guide | undefined;
  private media: Media | undefined;
  private work = new AbortController();
  private current: State = "idle";

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [sheet];
    this.root.append(this.frame);
  }

  connectedCallback(): void {
    this.reset();
  }

  disconnectedCallback(): void {
    this.halt();
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (this.isConnected && before !== after) this.reset();
  }

  /** The element's state. */
  get state(): State {
    return this.current;
  }

  private get mode(): Mode {
    return this.session?.mode ?? (this.getAttribute("mode") === "selfie" ? "selfie" : "phrase");
  }

  private get server(): Server {
    return new Server((this.getAttribute("server") ?? "").replace(/\/+$/, ""));
  }

  /** Restarts with the current attributes. */
  private reset(): void {
    this.halt();
    this.token = this.getAttribute("token") ?? "";
    this.session = undefined;
    this.media = undefined;
    const wanted = this.closest("[lang]")?.getAttribute("lang");
    const [tag, words] = wordsFor(wanted ? [wanted] : navigator.languages);
    this.words = words;
    this.frame.lang = tag;
    this.frame.dir = words.direction;
    this.showStart(false);
  }

  /** Goes back to the start; the token, which may be a later one than the attribute's, stays. */
  private cancel(): void {
    this.halt();
    this.showStart(true);
  }

  /** Stops running work and closes the camera. */
  private halt(): void {
    this.work.abort();
    this.work = new AbortController();
    this.guide?.stop();
    closeCamera(this.stream);
    this.stream = undefined;
  }

  private enter(state: State, ...content: Node[]): void {
    this.current = state;
    this.frame.replaceChildren(...content);
    this.frame.setAttribute("aria-busy", String(state === "opening" || state === "sending"));
    this.emit("bonafide-state", state);
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** A heading that takes the focus, so that a screen reader goes on from there. */
  private heading(text: string, kind = ""): HTMLElement {
    const heading = h("h2", { tabindex: "-1", class: kind }, text);
    queueMicrotask(() => heading.focus({ preventScroll: true }));
    return heading;
  }

  private button(text: string, act: () => void, quiet = false): HTMLButtonElement {
    const button = h("button", { type: "button", ...(quiet && { class: "quiet" }) }, text);
    button.addEventListener("click", act);
    return button;
  }

  private showStart(focus: boolean): void {
    const { words } = this;
    const selfie = this.mode === "selfie";
    const title = selfie ? words.selfieTitle : words.phraseTitle;
    const actions = h("div", { class: "actions" }, this.button(words.open, () => void this.open()));
    if (this.hasAttribute("file")) actions.append(this.fileChooser());
    this.enter(
      "idle",
      focus ? this.heading(title) : h("h2", { tabindex: "-1" }, title),
      h("p", {}, selfie ? words.selfieIntro : words.phraseIntro),
      h("p", { class: "muted" }, words.privacy),
      actions,
    );
  }

  private fileChooser(): HTMLElement {
    const input = h("input", { type: "file", accept: this.mode === "selfie" ? "image/*" : "video/*" });
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) void this.guarded(async (signal) => this.send({ blob: file }, signal));
    });
    return h("label", { class: "file" }, this.words.chooseFile, input);
  }

  /** Runs a step and shows its error. */
  private async guarded(step: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.work;
    try {
      await step(signal);
    } catch (error) {
      const cause = signal.aborted ? signal.reason : error;
      if (signal.aborted && !(cause instanceof Hidden)) return; // the element was reset or removed
      this.halt();
      this.showError(cause);
    }
  }

  private open(): Promise<void> {
    return this.guarded(async (signal) => {
      this.enter("opening", this.heading(this.words.opening), h("progress", { "aria-label": this.words.opening }));
      this.session ??= await this.server.session(this.token, signal);
      const stream = await openCamera(this.mode, this.mode === "phrase" && this.hasAttribute("sound"));
      if (signal.aborted) return closeCamera(stream);
      this.stream = stream;
      await this.showCamera(stream, signal);
    });
  }

  /** Shows the camera with the oval and hints until the person starts. */
  private async showCamera(stream: MediaStream, signal: AbortSignal): Promise<void> {
    const { words } = this;
    const video = h("video", { playsinline: "", "aria-label": words.preview });
    video.muted = true;
    video.srcObject = stream;
    const oval = svg(
      "svg",
      { class: "oval", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "shade", "fill-rule": "evenodd", d: "" }),
      svg("ellipse", { class: "line", cx: "50", cy: "50", "vector-effect": "non-scaling-stroke" }),
    );
    const hint = h("p", { class: "hint", role: "status" }, words.hints.find);
    const big = h("div", { class: "big", dir: "ltr", "aria-hidden": "true" });
    const spoken = h("p", { class: "visually-hidden", "aria-live": "assertive", "aria-atomic": "true" });
    const stage = h("div", { class: "stage" }, video, oval, big);
    const title = this.mode === "selfie" ? words.selfieTitle : words.phraseTitle;
    const start = this.button(this.mode === "selfie" ? words.picture : words.record, () => void this.capture(video, stage, big, spoken, hint));
    this.enter(
      "guiding",
      this.heading(title),
      stage,
      hint,
      spoken,
      h("div", { class: "actions" }, start, this.button(words.cancel, () => this.cancel(), true)),
    );
    for (const track of stream.getVideoTracks()) {
      track.addEventListener("ended", () => void this.guarded(() => Promise.reject(new CameraError("busy"))));
    }
    await video.play();
    if (signal.aborted) return;
    stage.style.setProperty("--aspect", `${video.videoWidth} / ${video.videoHeight}`);
    drawOval(oval, video.videoWidth / video.videoHeight);
    this.guide = new Guide(video, (now: Hint) => {
      hint.textContent = words.hints[now];
      oval.classList.toggle("ready", now === "ready");
    });
    this.guide.start();
  }

  private capture(video: HTMLVideoElement, stage: HTMLElement, big: HTMLElement, spoken: HTMLElement, hint: HTMLElement): Promise<void> {
    return this.guarded(async (signal) => {
      const { words } = this;
      this.guide?.stop();
      for (const button of this.frame.querySelectorAll("button:not(.quiet)")) button.remove();
      this.current = "countdown";
      this.emit("bonafide-state", this.current);
      for (let n = countdownFrom; n > 0; n--) {
        big.textContent = String(n);
        hint.textContent = spoken.textContent = fill(words.countdown, { n });
        await wait(1000, signal);
      }
      big.textContent = "";
      if (this.mode === "selfie") {
        const blob = await takePicture(video);
        return this.send({ blob }, signal);
      }
      hint.textContent = words.mouthRest;
      stage.classList.add("recording");
      this.current = "recording";
      this.emit("bonafide-state", this.current);
      await this.send(await this.record(big, spoken, hint, signal), signal);
    });
  }

  private async record(big: HTMLElement, spoken: HTMLElement, hint: HTMLElement, signal: AbortSignal): Promise<Media> {
    const phrase = this.session?.phrase ?? "";
    const recording = new Recording(this.stream as MediaStream);
    const hidden = () => {
      if (document.hidden) this.work.abort(new Hidden());
    };
    document.addEventListener("visibilitychange", hidden);
    try {
      await recording.start();
      hidden();
      const prompts = await prompt(phrase, () => recording.elapsed(), (index) => {
        const digit = index === undefined ? "" : (phrase[index] ?? "");
        big.textContent = digit;
        if (index === undefined) return;
        spoken.textContent = digit;
        hint.textContent = fill(this.words.digit, { n: index + 1, m: phrase.length });
      }, signal);
      return { blob: await recording.stop(), prompts };
    } finally {
      document.removeEventListener("visibilitychange", hidden);
      recording.cancel();
    }
  }

  /** Sends media and shows the outcome. It keeps the media until there is a reply. */
  private async send(media: Media, signal: AbortSignal): Promise<void> {
    this.media = media;
    closeCamera(this.stream);
    const { words } = this;
    const bar = h("progress", { max: "1", value: "0" });
    const text = h("p", { role: "status" }, fill(words.sending, { n: 0 }));
    bar.setAttribute("aria-label", words.checking);
    this.enter("sending", this.heading(words.checking), bar, text);
    this.session ??= await this.server.session(this.token, signal);
    const outcome = await this.server.upload(this.token, this.mode, media.blob, media.prompts, (share) => {
      if (share < 1) {
        bar.value = share;
        text.textContent = fill(words.sending, { n: Math.floor(share * 20) * 5 });
      } else {
        bar.removeAttribute("value"); // all is sent; the check takes an unknown time
        text.textContent = words.checking;
      }
    }, signal);
    this.media = undefined;
    this.token = outcome.token ?? "";
    this.showOutcome(outcome);
  }

  private showOutcome(outcome: Outcome): void {
    const { words } = this;
    const advice = words.advice[outcome.reason ?? ""] ?? outcome.advice ?? "";
    switch (outcome.result) {
      case "passed":
        this.enter("done", this.heading("✓ " + words.passedTitle, "good"), h("p", {}, words.passed));
        break;
      case "failed":
        this.enter("done", this.heading(words.failedTitle, "bad"), h("p", {}, words.failed));
        break;
      case "ended":
        this.enter("done", this.heading(words.endedTitle, "bad"), h("p", {}, advice));
        break;
      case "again": {
        const actions = h("div", { class: "actions" }, this.button(words.again, () => void this.open()));
        if (this.hasAttribute("file")) actions.append(this.fileChooser());
        this.enter("done", this.heading(words.againTitle), h("p", { class: "advice" }, advice), actions);
      }
    }
    this.emit("bonafide-result", outcome);
  }

  private showError(error: unknown): void {
    const { words } = this;
    const actions = h("div", { class: "actions" });
    let text = words.camera.busy;
    if (error instanceof CameraError) {
      text = words.camera[error.failure];
    } else if (error instanceof Hidden) {
      text = words.hidden;
    } else if (error instanceof ServerError) {
      text = words.server[error.failure];
      if (error.token) this.token = error.token;
    }
    const { media } = this;
    const expired = error instanceof ServerError && error.failure === "expired";
    const keep = media && error instanceof ServerError && (error.failure === "offline" || error.failure === "busy");
    if (keep) {
      actions.append(this.button(words.sendAgain, () => void this.guarded((signal) => this.send(media, signal))));
    } else if (!expired) {
      actions.append(this.button(words.again, () => void this.open()));
    }
    if (this.hasAttribute("file") && !expired && !keep) actions.append(this.fileChooser());
    this.enter("error", this.heading(words.errorTitle), h("p", { role: "alert" }, text), actions);
    if (expired) this.emit("bonafide-expired", undefined);
  }
}

/** Draws an oval of a face's shape into a box of 100 by 100 that is stretched to the aspect (width by height). */
function drawOval(oval: SVGElement, aspect: number): void {
  const ry = 38;
  const rx = Math.min(46, (ry * 0.76) / aspect);
  const ring = `M${50 - rx} 50a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0Z`;
  oval.querySelector(".shade")?.setAttribute("d", "M0 0H100V100H0Z" + ring);
  const line = oval.querySelector(".line");
  line?.setAttribute("rx", String(rx));
  line?.setAttribute("ry", String(ry));
}

if (!customElements.get("bonafide-capture")) customElements.define("bonafide-capture", BonafideCapture);

declare global {
  interface HTMLElementTagNameMap {
    "bonafide-capture": BonafideCapture;
  }
}
