/** The component's style. Pages set the custom properties that begin with --bonafide. Only logical directions are used, so
 * that it can be read from right to left. */
export const style = `
:host {
  --ink: var(--bonafide-ink, #17202a);
  --muted: var(--bonafide-muted, #55606b);
  --paper: var(--bonafide-paper, #ffffff);
  --line: var(--bonafide-line, #cfd6dd);
  --accent: var(--bonafide-accent, #0b5cad);
  --on-accent: var(--bonafide-on-accent, #ffffff);
  --good: var(--bonafide-good, #17703a);
  --bad: var(--bonafide-bad, #a4271b);
  display: block;
  inline-size: 100%;
  max-inline-size: 32rem;
  margin-inline: auto;
  color: var(--ink);
  font: 400 1rem/1.5 var(--bonafide-font, system-ui, sans-serif);
}
@media (prefers-color-scheme: dark) {
  :host {
    --ink: var(--bonafide-ink, #eef2f6);
    --muted: var(--bonafide-muted, #aab4bf);
    --paper: var(--bonafide-paper, #161b21);
    --line: var(--bonafide-line, #39434d);
    --accent: var(--bonafide-accent, #6cb2ff);
    --on-accent: var(--bonafide-on-accent, #0b1a2a);
    --good: var(--bonafide-good, #6bd394);
    --bad: var(--bonafide-bad, #ff9a8d);
  }
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.frame {
  display: grid;
  gap: 1rem;
  padding: clamp(0.75rem, 4vw, 1.5rem);
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 1rem;
}
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; outline: none; }
p { margin: 0; }
.muted { color: var(--muted); font-size: 0.9rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.stage {
  position: relative;
  overflow: hidden;
  inline-size: 100%;
  max-block-size: 70vh;
  aspect-ratio: var(--aspect, 4 / 3);
  margin-inline: auto;
  background: #0c0f12;
  border-radius: 0.75rem;
}
video { display: block; inline-size: 100%; block-size: 100%; object-fit: cover; transform: scaleX(-1); }
.oval { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; pointer-events: none; }
.oval .shade { fill: #0c0f12; fill-opacity: 0.5; }
.oval .line { fill: none; stroke: #ffffff; stroke-width: 3px; stroke-dasharray: 10 6; }
.oval.ready .line { stroke: #57e08f; stroke-dasharray: none; stroke-width: 5px; }
.hint {
  display: grid;
  place-items: center;
  min-block-size: 3rem;
  font-weight: 600;
  text-align: center;
}
.big {
  position: absolute;
  inset-inline: 0;
  margin-inline: auto;
  inline-size: fit-content;
  color: #ffffff;
  background: rgb(12 15 18 / 0.78);
  text-align: center;
}
.big {
  inset-block-start: 0.5rem;
  min-inline-size: 1.5em;
  padding: 0 0.25em;
  border-radius: 0.2em;
  font-size: clamp(3.5rem, 20vw, 6rem);
  font-weight: 700;
  line-height: 1.2;
  font-variant-numeric: tabular-nums;
}
.big:empty { visibility: hidden; }
.recording { outline: 3px solid #e5483a; outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem; }
button, .file {
  flex: 1 1 10rem;
  min-block-size: 3rem;
  padding: 0.6rem 1.2rem;
  border: 2px solid var(--accent);
  border-radius: 0.75rem;
  font: inherit;
  font-weight: 600;
  text-align: center;
  cursor: pointer;
}
button { background: var(--accent); color: var(--on-accent); }
button.quiet, .file { background: transparent; color: var(--accent); }
button:focus-visible, .file:focus-within, h2:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.file input { position: absolute; inline-size: 1px; block-size: 1px; opacity: 0; }
progress { inline-size: 100%; block-size: 0.6rem; accent-color: var(--accent); }
.visually-hidden { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-height: 30rem) and (orientation: landscape) {
  .stage { max-block-size: 60vh; inline-size: auto; block-size: 60vh; }
}
`;
