// Runs the scenarios of all clients with this one and prints what came of each step, a line of JSON each.
import { readFile } from "node:fs/promises";
import { BonafideError, Client, ClientError, ServerError, UserError } from "bonafide-client";

const env = process.env;

function client({ name, server, wrong, timeout, retries }) {
  const url = { real: env.BONAFIDE_URL, stub: `${env.BONAFIDE_STUB}/${encodeURIComponent(name)}`, none: "http://127.0.0.1:1" }[server];
  const secret = (right) => (wrong ? "wrong" : right);
  return new Client(url, {
    apiKey: secret(env.BONAFIDE_API_KEY), appId: env.BONAFIDE_APP_ID, appKey: secret(env.BONAFIDE_APP_KEY),
    username: env.BONAFIDE_USERNAME, password: secret(env.BONAFIDE_PASSWORD), timeout, retries,
  });
}

async function media(name, phrase = "") {
  const reply = await fetch(`${env.BONAFIDE_STUB}/media/${name}?phrase=${phrase}`);
  if (!reply.ok) throw new Error(`${name}: status ${reply.status}`);
  return reply.arrayBuffer();
}

async function run(c, step, last) {
  switch (step.call) {
    case "challenge":
      return Object.assign(last, await c.challenge());
    case "verify":
      return { score: await c.verify(step.transaction ?? last.transactionId, await media(step.media, last.phrase)) };
    case "selfie": {
      const { faces, ...rest } = await c.selfie(await media(step.media), step.threshold);
      return { ...rest, faces: faces.length };
    }
    case "face":
      return { score: await c.face(await media(step.media), "scenario") };
    case "faceAt":
      return { score: await c.faceAt(step.url, "scenario") };
  }
  throw new Error(step.call);
}

const kinds = new Map([[UserError, "user"], [ClientError, "client"], [ServerError, "server"]]);

function failure(error) {
  if (error instanceof BonafideError) {
    const { code, status, message, retryAfter } = error;
    return { error: kinds.get(error.constructor), code, status, message, retryAfter };
  }
  if (error.name === "TimeoutError") return { error: "timeout" };
  if (error instanceof TypeError && error.message === "fetch failed") return { error: "connection" };
  throw error;
}

const { scenarios } = JSON.parse(await readFile(process.argv[2], "utf8"));
for (const scenario of scenarios) {
  const c = client(scenario), last = {};
  for (const [i, step] of scenario.steps.entries()) {
    const outcome = await run(c, step, last).catch(failure);
    console.log(JSON.stringify({ scenario: scenario.name, step: i, outcome }));
  }
}
