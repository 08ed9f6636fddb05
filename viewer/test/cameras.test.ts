import assert from "node:assert/strict";
import { test } from "node:test";
import { cameraCommands } from "../src/features/cameras/commands.ts";

test("there is a key for each camera of the scene, and for none that it lacks", () => {
  const used: number[] = [];
  const commands = cameraCommands([{ name: "Aisle" }, { name: "Top" }], (index) => used.push(index));
  assert.deepEqual(commands.map(({ title, keys }) => [title, keys?.[0]]), [["Look through Aisle", "1"], ["Look through Top", "2"]]);
  commands[1].run();
  assert.deepEqual(used, [1]);
  assert.equal(cameraCommands(Array.from({ length: 12 }, () => ({ name: "C" })), () => undefined).length, 9);
});
