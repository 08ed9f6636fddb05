// Answers the questions of tests, one JSON line each: {"ask": "digest" | "worlds" | "counts" | "send", ...}.
import { createInterface } from "node:readline";

export async function answer(asks) {
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    let told;
    try {
      told = await asks[question.ask](question);
    } catch (error) {
      told = { error: String(error?.stack ?? error) };
    }
    console.log(JSON.stringify(told ?? null, (_, value) => (typeof value === "bigint" ? String(value) : value)));
  }
  process.exit(0);
}

export const within = (promise, ms) =>
  Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error("no answer")), ms))]);
