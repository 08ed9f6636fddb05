/** The picture of a dome light as an equirectangular texture: HDR, EXR, or an ordinary image. */
import {
  DataUtils,
  EquirectangularReflectionMapping,
  Euler,
  LinearFilter,
  Matrix4,
  SRGBColorSpace,
  Texture,
  type DataTexture,
} from "three";
import { EXRLoader } from "three/addons/loaders/EXRLoader.js";
import { HDRLoader } from "three/addons/loaders/HDRLoader.js";
import { luminance } from "../core/light-levels.ts";
import type { LightJson, TextureJson } from "../wire/scene-data.ts";
import { refusalOf } from "../wire/refused.ts";

export interface Sky {
  readonly texture: Texture;
  /** Mean radiance from all sides, of the map as it is. */
  readonly mean: number;
}

export async function loadSky(json: TextureJson, base: string): Promise<Sky> {
  const response = await fetch(new URL(json.url.replace(/^\//, ""), base));
  if (!response.ok) throw new Error(await refusalOf(response));
  const isHdr = json.type === "image/vnd.radiance";
  if (isHdr || json.type === "image/x-exr") {
    const parsed = (isHdr ? new HDRLoader() : new EXRLoader()).parse(await response.arrayBuffer());
    const texture = dataTexture(parsed as unknown as Parsed, isHdr);
    return { texture, mean: meanOf(texture.image.data as Texels, texture.image.width, texture.image.height) };
  }
  // A bitmap is uploaded as it is, so it is turned here.
  const bitmap = await createImageBitmap(await response.blob(), { imageOrientation: "flipY" });
  const texture = new Texture(bitmap as unknown as HTMLImageElement);
  texture.flipY = false;
  texture.colorSpace = SRGBColorSpace;
  return { texture: mapped(texture), mean: meanOfImage(bitmap) };
}

type Texels = Uint16Array | Float32Array;

interface Parsed {
  readonly width: number;
  readonly height: number;
  readonly data: Texels;
  readonly type: Texture["type"];
  readonly format?: DataTexture["format"];
}

/** `topFirst`: of HDR files; EXR's rows come from below. */
function dataTexture({ width, height, data, type, format }: Parsed, topFirst: boolean): Texture & { image: Parsed } {
  const texture = new Texture({ width, height, data } as unknown as HTMLImageElement) as Texture & { image: Parsed };
  (texture as unknown as { isDataTexture: boolean }).isDataTexture = true;
  texture.type = type;
  if (format !== undefined) texture.format = format;
  texture.generateMipmaps = false;
  texture.minFilter = texture.magFilter = LinearFilter;
  texture.flipY = topFirst;
  mapped(texture);
  return texture;
}

function mapped<T extends Texture>(texture: T): T {
  texture.mapping = EquirectangularReflectionMapping;
  texture.needsUpdate = true;
  return texture;
}

/** Rows near the poles cover less of the sphere. */
function meanOf(data: Texels, width: number, height: number): number {
  const value = data instanceof Uint16Array ? (k: number) => DataUtils.fromHalfFloat(data[k]) : (k: number) => data[k];
  const step = Math.max(1, Math.floor(height / 64));
  let [sum, weights] = [0, 0];
  for (let y = 0; y < height; y += step) {
    const weight = Math.sin((Math.PI * (y + 0.5)) / height);
    for (let x = 0; x < width; x += step) {
      const at = 4 * (y * width + x);
      sum += weight * luminance([value(at), value(at + 1), value(at + 2)]);
      weights += weight;
    }
  }
  return weights > 0 && Number.isFinite(sum) ? sum / weights : 1;
}

function meanOfImage(image: ImageBitmap): number {
  const canvas = new OffscreenCanvas(64, 32);
  const context = canvas.getContext("2d");
  if (!context) return 0.5;
  context.drawImage(image, 0, 0, 64, 32);
  const bytes = context.getImageData(0, 0, 64, 32).data;
  const linear = Float32Array.from(bytes, (byte, k) => (k % 4 === 3 ? 1 : (byte / 255) ** 2.2));
  return meanOf(linear, 64, 32);
}

/**
 * How three has to turn the map. USD's middle of the map lies towards +Z of the map's frame, a quarter to its left +X, the
 * pole +Y; three's middle lies towards +X, a quarter to the left -Z. `world`: world_from_node of all nodes.
 */
export function skyRotation(light: LightJson, world: Float64Array): Euler {
  const at = 16 * light.node;
  const m = light.nodeFromMap;
  // Columns of world_from_node without scale.
  const scale = [0, 1, 2].map((c) => Math.hypot(world[at + c], world[at + 4 + c], world[at + 8 + c]) || 1);
  const row = (r: number): number[] =>
    [0, 1, 2].map((c) => [0, 1, 2].reduce((sum, k) => sum + (world[at + 4 * r + k] / scale[k]) * m[3 * k + c], 0));
  const [a, b, c] = [row(0), row(1), row(2)];
  // three's x is the map's z, its z the map's -x.
  const turned = [a, b, c].flatMap(([x, y, z]) => [z, y, -x, 0]);
  return new Euler().setFromRotationMatrix(new Matrix4().set(
    ...(turned.slice(0, 12) as [number, number, number, number, number, number, number, number, number, number, number, number]),
    0, 0, 0, 1,
  ));
}
