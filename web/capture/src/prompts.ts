/** Milliseconds: the mouth at rest, each digit's turn, how long of it the digit is shown, and what follows the last. */
const lead = 700;
const step = 1000;
const shown = 850;
const tail = 900;

/** Shows the digits of a phrase one after another and returns when each was shown, by the given clock, in milliseconds.
 * The server holds these times against the pace (internal/check/prompts.go). */
export async function prompt(
  phrase: string,
  elapsed: () => number,
  show: (index: number | undefined) => void,
  signal: AbortSignal,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < phrase.length; i++) {
    const due = lead + i * step;
    await wait(due - elapsed(), signal);
    show(i);
    await painted(signal);
    times.push(Math.round(elapsed()));
    await wait(due + shown - elapsed(), signal);
    show(undefined);
  }
  await wait(tail, signal);
  return times;
}

/** Resolves after so many milliseconds, or rejects when the signal aborts. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    }, Math.max(0, ms));
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}

/** Resolves when what was drawn is on the screen, and soon in any case. */
function painted(signal: AbortSignal): Promise<void> {
  return Promise.race([new Promise<void>((done) => requestAnimationFrame(() => done())), wait(100, signal)]);
}
