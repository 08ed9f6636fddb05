/** Questions over HTTP: what the server lacks is not asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RestError, Server } from "../src/shell/rest.ts";

test("a part that the server lacks is refused here, without a question", async () => {
  const asked: string[] = [];
  const before = globalThis.fetch;
  globalThis.fetch = ((url: URL) => {
    asked.push(url.pathname);
    return Promise.resolve(new Response("{}"));
  }) as typeof fetch;
  try {
    const server = new Server("http://127.0.0.1/", (part) => part === "values");
    for (const path of ["api/v1/alarms", "api/alarms", "/api/v1/history/chart", "api/v1/prims/A/B", "api/v1/overlays"])
      await assert.rejects(server.get(path), (error: unknown) => error instanceof RestError && error.status === 404);
    await assert.rejects(server.post("api/v1/alarms/acknowledge", {}), RestError);
    server.atMs = 5;
    await assert.rejects(server.get("api/v1/alarms"), RestError);
    for (const path of ["api/v1/values", "api/v1/status", "api/session", "api/scene"]) await server.get(path);
    assert.deepEqual(asked, ["/api/v1/values", "/api/v1/status", "/api/session", "/api/scene"]);
  } finally {
    globalThis.fetch = before;
  }
});
