// Changes a twin for tests/clients/test_js_commands.py: `node command.mjs URL`, tokens of two engineers and an operator in
// TOKENS, separated by commas. Prints what became of it as one line of JSON.
import { connect } from "../twin.js";

const TABLE = "/Hall/Table";
const url = process.argv[2];
let wake = () => undefined;
const events = [];
const options = { onTick: () => wake(), onEvent: (message) => (events.push(message.event), wake()) };
const [anna, ben, olga] = await Promise.all(process.env.TOKENS.split(",").map((token) => connect(url, { ...options, token })));

async function until(condition) {
  while (!condition()) await new Promise((done) => (wake = done));
}

const refusal = (promise) => promise.then(() => null, ({ message, code, current }) => ({ message, code, current }));
const at = (twin) => [3, 7, 11].map((k) => twin.local(twin.index.get(TABLE))[k]);
const said = {};

said.before = anna.edits;
said.moved = (await anna.command("move", { path: TABLE, position: [1, 2, 3], base: anna.edits })).version;
await until(() => at(ben)[0] === 1);
said.at = at(ben);
said.conflict = await refusal(ben.command("move", { path: TABLE, position: [9, 9, 9], base: 0 }));
said.again = (await ben.command("move", { path: TABLE, position: [4, 5, 6], base: said.conflict.current.version })).version;
said.set = (await anna.command("set", { path: "/Hall/Lamp", property: "inputs:intensity", value: 12.5 })).version;
said.invalid = await refusal(anna.command("set", { path: "/Hall/Lamp", property: "inputs:intensity", value: "bright" }));
said.forbidden = await refusal(olga.command("move", { path: TABLE, position: [0, 0, 0] }));
await until(() => events.includes("alarm"));
said.acknowledged = (await olga.command("alarm", { alarms: ["crane/load"], action: "acknowledge", comment: "seen" })).ok;
said.undone = (await ben.command("undo")).version;
await until(() => at(anna)[0] === 1);
await until(() => [anna, ben].every(({ edits }) => edits === said.undone));
said.digest = (await anna.verify()).equal;
for (const twin of [anna, ben, olga]) twin.close();
console.log(JSON.stringify(said));
