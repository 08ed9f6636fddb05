/** Textures by content hash: fetched once, decoded off the main thread, kept across reloads of the scene. */
import {
  ClampToEdgeWrapping,
  Color,
  LinearMipmapLinearFilter,
  Matrix3,
  MirroredRepeatWrapping,
  NoColorSpace,
  RepeatWrapping,
  SRGBColorSpace,
  TextureSource,
  Texture,
  type Wrapping,
} from "three";
import type { TextureInputJson, TextureJson } from "../wire/scene-data.ts";
import { refusalOf } from "../wire/refused.ts";

/** Greatest edge that is uploaded [px]: beyond it a viewer only loses memory. */
const MAX_EDGE = 2048;
const WRAPS: Record<string, Wrapping> = {
  repeat: RepeatWrapping,
  mirror: MirroredRepeatWrapping,
  clamp: ClampToEdgeWrapping,
  black: ClampToEdgeWrapping,
};

export class Textures {
  private readonly sources = new Map<string, Promise<TextureSource<ImageBitmap>>>();

  /** `anisotropy`: 1 where sharp textures at grazing angles are too dear. */
  constructor(
    private readonly base: string,
    private readonly anisotropy: number,
  ) {}

  /** A texture for that input; its picture follows, then `onLoad` is called. */
  get(json: TextureJson, input: TextureInputJson, isColor: boolean, onLoad: () => void): Texture {
    const texture = new Texture();
    texture.flipY = false;
    texture.colorSpace =
      input.colorSpace === "sRGB" || (input.colorSpace === "auto" && isColor) ? SRGBColorSpace : NoColorSpace;
    texture.wrapS = WRAPS[input.wrapS] ?? RepeatWrapping;
    texture.wrapT = WRAPS[input.wrapT] ?? RepeatWrapping;
    texture.minFilter = LinearMipmapLinearFilter;
    texture.anisotropy = this.anisotropy;
    texture.matrixAutoUpdate = false;
    texture.matrix.copy(uvMatrix(input));
    this.source(json).then(
      (source) => {
        texture.source = source;
        texture.needsUpdate = true;
        onLoad();
      },
      (error: unknown) => console.warn(`texture ${json.name} cannot be shown:`, error),
    );
    return texture;
  }

  /** The mean colour of a picture, linear; grey until it is there. */
  mean(json: TextureJson, onLoad: (color: Color) => void): void {
    this.source(json).then(
      (source) => onLoad(meanOf(source.data)),
      () => undefined, // told where the texture itself is asked for
    );
  }

  private source(json: TextureJson): Promise<TextureSource<ImageBitmap>> {
    let known = this.sources.get(json.hash);
    if (!known) {
      known = decodeImage(new URL(json.url.replace(/^\//, ""), this.base).href);
      this.sources.set(json.hash, known);
    }
    return known;
  }
}

/** Edge to which a picture is shrunk to see its colour [px]. */
const MEAN_EDGE = 4;

function meanOf(image: ImageBitmap): Color {
  const canvas = new OffscreenCanvas(MEAN_EDGE, MEAN_EDGE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return new Color(0.2, 0.2, 0.2);
  context.drawImage(image, 0, 0, MEAN_EDGE, MEAN_EDGE);
  const bytes = context.getImageData(0, 0, MEAN_EDGE, MEAN_EDGE).data;
  const sum = [0, 0, 0];
  for (let k = 0; k < bytes.length; k++) if (k % 4 < 3) sum[k % 4] += bytes[k] / (255 * MEAN_EDGE * MEAN_EDGE);
  return new Color().setRGB(sum[0], sum[1], sum[2], SRGBColorSpace);
}

async function decodeImage(url: string): Promise<TextureSource<ImageBitmap>> {
  const response = await fetch(url, { priority: "low" });
  if (!response.ok) throw new Error(await refusalOf(response));
  const options: ImageBitmapOptions = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const blob = await response.blob();
  const full = await createImageBitmap(blob, options);
  const shrink = MAX_EDGE / Math.max(full.width, full.height);
  if (shrink >= 1) return new TextureSource(full);
  const small = await createImageBitmap(full, {
    ...options,
    resizeWidth: Math.round(full.width * shrink),
    resizeHeight: Math.round(full.height * shrink),
    resizeQuality: "high",
  });
  full.close();
  return new TextureSource(small);
}

/** UsdTransform2d for coordinates whose v is flipped, as in GLB: flip, scale, rotate, translate, flip back. */
export function uvMatrix(input: TextureInputJson): Matrix3 {
  const angle = (input.uvRotation * Math.PI) / 180;
  const flip = new Matrix3().set(1, 0, 0, 0, -1, 1, 0, 0, 1);
  const scale = new Matrix3().set(input.uvScale[0], 0, 0, 0, input.uvScale[1], 0, 0, 0, 1);
  const rotate = new Matrix3().set(Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 1);
  const move = new Matrix3().set(1, 0, input.uvTranslation[0], 0, 1, input.uvTranslation[1], 0, 0, 1);
  return flip.clone().multiply(move).multiply(rotate).multiply(scale).multiply(flip);
}
