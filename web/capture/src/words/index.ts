import { ar } from "./ar.js";
import { de } from "./de.js";
import { en } from "./en.js";

/** Every text of the component in one language. In texts, {n} and {m} stand for numbers. */
export interface Words {
  direction: "ltr" | "rtl";
  phraseTitle: string;
  phraseIntro: string;
  selfieTitle: string;
  selfieIntro: string;
  privacy: string;
  open: string;
  opening: string;
  record: string;
  picture: string;
  cancel: string;
  preview: string;
  countdown: string;
  digit: string;
  mouthRest: string;
  sending: string;
  checking: string;
  again: string;
  sendAgain: string;
  chooseFile: string;
  passedTitle: string;
  passed: string;
  failedTitle: string;
  failed: string;
  againTitle: string;
  endedTitle: string;
  errorTitle: string;
  hidden: string;
  hints: Record<"find" | "closer" | "further" | "centre" | "straight" | "light" | "glare" | "side" | "still" | "ready", string>;
  camera: Record<"denied" | "absent" | "busy" | "insecure", string>;
  server: Record<"offline" | "expired" | "busy" | "refused", string>;
  /** What to do better, by the server's reason; for others the server's own sentence is shown. */
  advice: Partial<Record<string, string>>;
}

const languages = new Map<string, Words>([
  ["en", en],
  ["de", de],
  ["ar", ar],
]);

/** Adds a language, or replaces one. */
export function addLanguage(tag: string, words: Words): void {
  languages.set(tag.toLowerCase(), words);
}

/** The words of the first of the language tags that is known, by the whole tag or its language; English otherwise. */
export function wordsFor(tags: readonly string[]): [tag: string, words: Words] {
  for (const tag of tags) {
    for (const name of [tag.toLowerCase(), tag.toLowerCase().split("-")[0] ?? ""]) {
      const words = languages.get(name);
      if (words) return [name, words];
    }
  }
  return ["en", en];
}

/** Puts numbers into a text. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
