/** Arrays and pictures of overlays, fetched once by the hash of their content and kept while an item refers to them. */
import { SRGBColorSpace, Texture } from "three";
import type { DataRef } from "./board.ts";
import { refusalOf } from "../../wire/refused.ts";

const MOST_KEPT = 64;

export class DataCache {
  private readonly arrays = new Map<string, Promise<ArrayBuffer>>();

  constructor(private readonly base: string) {}

  private url(ref: DataRef): URL {
    return new URL(`api/v1/overlays/${encodeURIComponent(ref.data)}`, this.base);
  }

  bytes(ref: DataRef): Promise<ArrayBuffer> {
    let found = this.arrays.get(ref.data);
    if (found) this.arrays.delete(ref.data);
    else
      found = fetch(this.url(ref)).then(async (answer) => {
        if (!answer.ok) throw new Error(await refusalOf(answer));
        return answer.arrayBuffer();
      });
    found.catch(() => this.arrays.delete(ref.data));
    this.arrays.set(ref.data, found);
    if (this.arrays.size > MOST_KEPT) this.arrays.delete(this.arrays.keys().next().value as string);
    return found;
  }

  /** Little-endian numbers; the length is what the shape says, or it is refused. */
  async floats(ref: DataRef): Promise<Float32Array> {
    return checked(new Float32Array(await this.bytes(ref)), ref);
  }

  async octets(ref: DataRef): Promise<Uint8Array> {
    return checked(new Uint8Array(await this.bytes(ref)), ref);
  }

  async picture(ref: DataRef): Promise<Texture> {
    const bitmap = await createImageBitmap(new Blob([await this.bytes(ref)], { type: ref.type }), { imageOrientation: "flipY" });
    const texture = new Texture(bitmap);
    texture.colorSpace = SRGBColorSpace;
    texture.needsUpdate = true;
    return texture;
  }
}

function checked<T extends ArrayLike<number>>(array: T, ref: DataRef): T {
  const count = ref.shape.reduce((product, n) => product * n, 1);
  if (array.length !== count) throw new Error(`an array of an overlay has ${array.length} numbers, not ${count}`);
  return array;
}
