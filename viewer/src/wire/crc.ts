/** CRC-32 (IEEE, as zlib's), four bytes at a time. Pure. */

const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    tables[byte] = crc;
  }
  for (let k = 256; k < tables.length; k++) tables[k] = (tables[k - 256] >>> 8) ^ tables[tables[k - 256] & 0xff];
  return tables;
}

/** Checksum of data[from .. to], going on from that of what came before it. */
export function crc32(data: Uint8Array, from = 0, to = data.length, before = 0): number {
  const t = TABLES;
  let crc = ~before;
  let i = from;
  for (; i + 4 <= to; i += 4) {
    crc ^= data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24);
    crc = t[768 + (crc & 0xff)] ^ t[512 + ((crc >>> 8) & 0xff)] ^ t[256 + ((crc >>> 16) & 0xff)] ^ t[crc >>> 24];
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ t[(crc ^ data[i]) & 0xff];
  return ~crc >>> 0;
}

/** Checksum of a text's UTF-8 bytes. */
export function crc32OfText(text: string): number {
  return crc32(new TextEncoder().encode(text));
}
