// Asks for a phrase and sends recording.mp4 for it.
import { readFile } from "node:fs/promises";
import { Client, UserError } from "bonafide-client";

const client = new Client(process.env.BONAFIDE_URL, { apiKey: process.env.BONAFIDE_API_KEY });
const { transactionId, phrase } = await client.challenge();
console.log("say", phrase);

try {
  const score = await client.verify(transactionId, await readFile("recording.mp4"));
  console.log(score >= 98 ? "live" : "not live", score);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.log("try again:", error.message);
}
