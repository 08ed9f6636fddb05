/**
 * A silhouette around some instances, of constant width in pixels, seen through whatever stands before them.
 *
 * First the shapes mark the stencil, then shapes blown up along smoothed normals are drawn where it is not marked.
 */
import {
  AlwaysStencilFunc,
  BufferAttribute,
  BufferGeometry,
  Color,
  DoubleSide,
  Group,
  InstancedBufferAttribute,
  InstancedMesh,
  MeshBasicMaterial,
  NotEqualStencilFunc,
  ReplaceStencilOp,
  ShaderMaterial,
  Vector2,
  type Material,
} from "three";
import type { InstanceBatch } from "./instance-batch.ts";
import type { StageView } from "./stage-view.ts";

const VERTEX = /* glsl */ `
attribute vec3 smoothNormal;
#include <skinning_pars_vertex>
uniform vec2 resolution;
uniform float width;
void main() {
  mat4 toView = modelViewMatrix * instanceMatrix;
  vec3 transformed = position;
  vec3 objectNormal = smoothNormal;
  #include <skinbase_vertex>
  #include <skinnormal_vertex>
  #include <skinning_vertex>
  vec4 clip = projectionMatrix * toView * vec4(transformed, 1.0);
  vec2 out2 = (projectionMatrix * vec4(mat3(toView) * objectNormal, 0.0)).xy * resolution;
  float size = length(out2);
  if (size > 1e-6) clip.xy += out2 / size * width * 2.0 / resolution * clip.w;
  gl_Position = clip;
}`;

const FRAGMENT = /* glsl */ `
uniform vec3 color;
uniform float opacity;
void main() {
  gl_FragColor = vec4(color, opacity);
  #include <colorspace_fragment>
}`;

/** More instances than this are not outlined one by one: the picture would be all lines. */
const MAX_INSTANCES = 4000;
const smoothed = new WeakMap<BufferGeometry, BufferAttribute>();

interface Copy {
  readonly batch: InstanceBatch;
  readonly rows: number[];
  readonly column: InstancedBufferAttribute;
  readonly meshes: InstancedMesh[];
  /** Give their geometries back. */
  readonly given: (() => void)[];
}

export class Outline {
  readonly group = new Group();
  private copies: Copy[] = [];
  private instances: readonly number[] = [];
  private readonly mask: MeshBasicMaterial;
  private readonly hull: ShaderMaterial;

  constructor(
    color: number,
    width: number,
    opacity: number,
    private readonly ref: number,
  ) {
    const stencil = { stencilWrite: true, stencilRef: ref, stencilFuncMask: 0xff, depthTest: false, depthWrite: false };
    this.mask = new MeshBasicMaterial({
      ...stencil,
      colorWrite: false,
      transparent: true,
      stencilFunc: AlwaysStencilFunc,
      stencilZPass: ReplaceStencilOp,
      side: DoubleSide,
    });
    this.hull = new ShaderMaterial({
      ...stencil,
      stencilFunc: NotEqualStencilFunc,
      stencilZPass: ReplaceStencilOp,
      side: DoubleSide,
      transparent: true,
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: {
        color: { value: new Color(color) },
        opacity: { value: opacity },
        width: { value: width },
        resolution: { value: new Vector2(1, 1) },
      },
    });
  }

  set opacity(opacity: number) {
    this.hull.uniforms.opacity.value = opacity;
  }

  /** Logical size of the picture [px]. */
  resize(width: number, height: number): void {
    (this.hull.uniforms.resolution.value as Vector2).set(width, height);
  }

  /** Outlines these instances from now on. */
  set(view: StageView | null, instances: readonly number[]): void {
    this.clear();
    this.instances = instances.length <= MAX_INSTANCES ? instances : [];
    if (!view) return;
    const rows = new Map<InstanceBatch, number[]>();
    for (const instance of this.instances) {
      const drawing = view.drawing(instance);
      const list = drawing && rows.get(drawing.batch);
      if (list) list.push(drawing.row);
      else if (drawing) rows.set(drawing.batch, [drawing.row]);
    }
    for (const [batch, list] of rows) this.copies.push(this.copy(batch, list));
    this.update();
  }

  private copy(batch: InstanceBatch, rows: number[]): Copy {
    const column = new InstancedBufferAttribute(new Float32Array(rows.length * 16), 16);
    const given: Copy["given"] = [];
    const meshes = batch.parts.flatMap((part) => {
      const geometry = part.geometry.take(0, { smoothNormal: smoothNormals(part.geometry.full) });
      given.push(() => part.geometry.give(geometry));
      return [
        this.mesh(geometry, this.mask, column, 10 * this.ref),
        this.mesh(geometry, this.hull, column, 10 * this.ref + 1),
      ];
    });
    if (batch.bones) for (const mesh of meshes) batch.bones.bend(mesh);
    this.group.add(...meshes);
    return { batch, rows, column, meshes, given };
  }

  private mesh(
    geometry: BufferGeometry,
    material: Material,
    column: InstancedBufferAttribute,
    order: number,
  ): InstancedMesh {
    const mesh = new InstancedMesh(geometry, material, column.count);
    mesh.instanceMatrix = column;
    mesh.frustumCulled = false;
    mesh.matrixAutoUpdate = false;
    mesh.renderOrder = order;
    return mesh;
  }

  /** Follows the instances. */
  update(): void {
    for (const { batch, rows, column, meshes } of this.copies) {
      let count = 0;
      for (const row of rows) if (batch.readMatrix(row, column.array as Float32Array, 16 * count)) count++;
      column.needsUpdate = true;
      for (const mesh of meshes) mesh.count = count;
    }
  }

  private clear(): void {
    for (const { meshes, given } of this.copies) {
      for (const mesh of meshes) {
        mesh.removeFromParent();
        mesh.dispose();
      }
      for (const give of given) give();
    }
    this.copies = [];
  }
}

/** Normals averaged over all vertices at one place, so that hard edges do not tear the hull apart. */
function smoothNormals(geometry: BufferGeometry): BufferAttribute {
  const known = smoothed.get(geometry);
  if (known) return known;
  const position = geometry.getAttribute("position");
  const normal = geometry.getAttribute("normal");
  const sums = new Map<string, [number, number, number]>();
  const keys: string[] = [];
  for (let i = 0; i < position.count; i++) {
    const key = `${position.getX(i)},${position.getY(i)},${position.getZ(i)}`;
    keys.push(key);
    const sum = sums.get(key) ?? [0, 0, 0];
    sums.set(key, [sum[0] + normal.getX(i), sum[1] + normal.getY(i), sum[2] + normal.getZ(i)]);
  }
  const out = new BufferAttribute(new Float32Array(position.count * 3), 3);
  keys.forEach((key, i) => out.setXYZ(i, ...(sums.get(key) as [number, number, number])));
  smoothed.set(geometry, out);
  return out;
}
