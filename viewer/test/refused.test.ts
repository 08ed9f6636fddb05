import assert from "node:assert/strict";
import { test } from "node:test";
import { errorOf, refusalOf } from "../src/wire/refused.ts";

const answer = (body: string, status: number): Response =>
  Object.defineProperty(new Response(body, { status }), "url", { value: "http://twin/api/scene?x=1" });

test("an error's own sentence is what is told", async () => {
  assert.equal(await refusalOf(answer('{"error": "cell.usda, line 3: Expected }"}', 500)), "cell.usda, line 3: Expected }");
});

test("without a sentence, what was asked for and the status are told", async () => {
  for (const body of ["", "<h1>Bad gateway</h1>", "[]", '{"error": ""}', '{"error": 5}', "null"])
    assert.equal(await refusalOf(answer(body, 502)), "the server answered 502 for /api/scene");
  assert.equal(errorOf({ detail: "x" }), null);
});
