// Reads glTF files from standard input (4 bytes of length, little-endian, then the bytes) and answers each with one line
// of JSON: the report of the Khronos validator. One process judges any number of files.
'use strict';

const validator = require('gltf-validator');

const OPTIONS = { format: 'glb', maxIssues: 1000, writeTimestamp: false };
let parts = [];
let held = 0;
let turn = Promise.resolve();

async function judge(data) {
  let answer;
  try {
    answer = await validator.validateBytes(new Uint8Array(data), OPTIONS);
  } catch (error) {
    answer = { failure: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}

process.stdin.on('data', (chunk) => {
  parts.push(chunk);
  held += chunk.length;
  for (;;) {
    if (held < 4) return;
    if (parts[0].length < 4) parts = [Buffer.concat(parts)];
    const wanted = 4 + parts[0].readUInt32LE(0);
    if (held < wanted) return;
    const pending = Buffer.concat(parts);
    const data = pending.subarray(4, wanted);
    parts = [pending.subarray(wanted)];
    held -= wanted;
    turn = turn.then(() => judge(data));
  }
});
process.stdin.on('end', () => turn.then(() => process.exit(0)));
