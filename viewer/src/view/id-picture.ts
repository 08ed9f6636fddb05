/**
 * Which instance each pixel shows: the scene drawn once more without light into a picture of numbers, by the same matrices and
 * the same cuts. As in the label pass triangles count from both sides, and what can be seen through counts itself; unlike it, a
 * cut-out counts with its holes.
 */
import { DoubleSide, NearestFilter, ShaderMaterial, WebGLRenderTarget, type Material, type MeshStandardMaterial, type WebGLRenderer } from "three";
import type { InstanceBatch } from "./instance-batch.ts";
import type { RigCamera } from "./rig-camera.ts";
import type { StageView } from "./stage-view.ts";

const VERTEX = /* glsl */ `
#include <skinning_pars_vertex>
#include <clipping_planes_pars_vertex>
flat varying int vId;
uniform int base;
void main() {
  vec3 transformed = position;
  #include <skinbase_vertex>
  #include <skinning_vertex>
  vec4 mvPosition = modelViewMatrix * instanceMatrix * vec4(transformed, 1.0);
  gl_Position = projectionMatrix * mvPosition;
  vId = base + gl_InstanceID + 1;
  #include <clipping_planes_vertex>
}`;

const FRAGMENT = /* glsl */ `
#include <clipping_planes_pars_fragment>
flat varying int vId;
void main() {
  #include <clipping_planes_fragment>
  gl_FragColor = vec4(float(vId & 255), float((vId >> 8) & 255), float((vId >> 16) & 255), 255.0) / 255.0;
}`;

export interface IdCounts {
  readonly width: number;
  readonly height: number;
  /** Pixels by instance, of those that are seen. */
  readonly pixels: ReadonlyMap<number, number>;
  /** What it took [ms]. */
  readonly cost: number;
}

export class IdPicture {
  private readonly materials = new WeakMap<InstanceBatch, ShaderMaterial>();

  count(renderer: WebGLRenderer, stage: StageView, camera: RigCamera, width: number, height: number): IdCounts {
    const begin = performance.now();
    const { bases, total } = basesOf(stage);
    const target = new WebGLRenderTarget(width, height, { minFilter: NearestFilter, magFilter: NearestFilter, generateMipmaps: false });
    const bytes = new Uint8Array(4 * width * height);
    const back = this.dress(stage, bases);
    try {
      renderer.setRenderTarget(target);
      renderer.clear();
      renderer.render(stage.group, camera);
      renderer.readRenderTargetPixels(target, 0, 0, width, height, bytes);
    } finally {
      renderer.setRenderTarget(null);
      back();
      target.dispose();
    }
    const seen = new Uint32Array(total + 1);
    for (let at = 0; at < bytes.length; at += 4) seen[bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)]++;
    return { width, height, pixels: byInstance(stage, bases, seen), cost: performance.now() - begin };
  }

  /** Every mesh in numbers; returns what brings its materials back. */
  private dress(stage: StageView, bases: Int32Array): () => void {
    const before: { mesh: StageView["meshes"][number]; material: Material; visible: boolean }[] = [];
    stage.batches.forEach((batch, k) => {
      const material = this.materialOf(batch);
      material.uniforms.base.value = bases[k];
      batch.meshes.forEach((mesh, part) => {
        before.push({ mesh, material: mesh.material as Material, visible: mesh.visible });
        if ((batch.parts[part].material as MeshStandardMaterial).opacity === 0) mesh.visible = false;
        mesh.material = material;
      });
    });
    return () => {
      for (const { mesh, material, visible } of before) [mesh.material, mesh.visible] = [material, visible];
    };
  }

  private materialOf(batch: InstanceBatch): ShaderMaterial {
    let material = this.materials.get(batch);
    if (!material) {
      material = new ShaderMaterial({ vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms: { base: { value: 0 } }, side: DoubleSide, clipping: true });
      this.materials.set(batch, material);
    }
    return material;
  }
}

/** Number of the first one that each batch draws, and how many are drawn in all. */
function basesOf(stage: StageView): { bases: Int32Array; total: number } {
  const bases = new Int32Array(stage.batches.length);
  let total = 0;
  stage.batches.forEach((batch, k) => {
    bases[k] = total;
    total += batch.drawnCount;
  });
  return { bases, total };
}

/** `seen`: pixels by number, from 1. */
function byInstance(stage: StageView, bases: Int32Array, seen: Uint32Array): Map<number, number> {
  const out = new Map<number, number>();
  stage.batches.forEach((batch, k) => {
    for (let slot = 0; slot < batch.drawnCount; slot++) {
      const pixels = seen[bases[k] + slot + 1];
      if (pixels > 0) out.set(batch.instanceAt(slot), pixels);
    }
  });
  return out;
}
