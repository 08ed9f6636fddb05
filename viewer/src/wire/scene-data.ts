/**
 * The scene as `/api/scene` describes it (docs/protocol.md, section 2), its columns as typed arrays. Pure.
 */
import type { SkinJson } from "../core/skin.ts";
import { JoinedAffines, RowAffines, type Affines } from "../core/affine.ts";

/** A column of numbers or truth values: an array of JSON, or typed. */
export type Column = ArrayLike<number> | ArrayLike<boolean>;

export interface TextureInputJson {
  texture: number;
  channel: string;
  wrapS: string;
  wrapT: string;
  colorSpace: string;
  scale: [number, number, number, number];
  bias: [number, number, number, number];
  uvScale: [number, number];
  uvRotation: number;
  uvTranslation: [number, number];
}

export interface MaterialJson {
  path: string;
  diffuseColor: [number, number, number];
  emissiveColor: [number, number, number];
  useSpecularWorkflow: boolean;
  specularColor: [number, number, number];
  metallic: number;
  roughness: number;
  clearcoat: number;
  clearcoatRoughness: number;
  opacity: number;
  opacityThreshold: number;
  ior: number;
  vertexColor?: boolean;
  textures: Record<string, TextureInputJson>;
}

export interface TextureJson {
  hash: string;
  url: string;
  type: string;
  name: string;
}

export interface PrototypeJson {
  hash: string;
  url: string;
  slots: string[];
  primitives: number[];
  triangles: number;
  doubleSided: boolean;
  bounds: [number, number, number, number, number, number] | null;
  /** What bones bend it. */
  skin?: SkinJson;
}

export interface CameraJson {
  name: string;
  path: string;
  node: number;
  projection: string;
  horizontalAperture: number;
  verticalAperture: number;
  near: number;
  far: number;
  /** [rad] */
  verticalFov: number;
}

export interface LightJson {
  path: string;
  node: number;
  kind: string;
  radiance: [number, number, number];
  normalize: boolean;
  width: number;
  height: number;
  radius: number;
  length: number;
  /** [rad] */
  angle: number;
  /** [rad]; null: of no shaping. */
  coneAngle?: number | null;
  texture: number | null;
  nodeFromMap: number[];
}

export interface ObjectJson {
  id: number;
  prim: number;
  path: string;
  point: number;
  class: string;
  labels: string[];
  /** Labels by taxonomy: of the object, then of its labelled ancestors, nearest first. Older servers do not tell. */
  levels?: readonly LabelLevel[] | undefined;
}

export type LabelLevel = Readonly<Record<string, readonly string[]>>;

/** Reads like an array of them; of a large scene they are made when asked for. */
export interface ObjectTable extends Iterable<ObjectJson> {
  readonly length: number;
  at(k: number): ObjectJson | undefined;
  find(test: (object: ObjectJson) => boolean): ObjectJson | undefined;
  filter(test: (object: ObjectJson) => boolean): ObjectJson[];
}

export interface SignalJson {
  id: string;
  unit: string;
  type: string;
  maxAge?: number | null;
  /** Names of an enum's numbers, by number or in order. */
  labels?: Record<string, string> | string[] | null;
}

export interface SceneJson {
  protocol: string;
  epoch: string;
  revision: number;
  stage: { name: string; hash: string; metersPerUnit: number; upAxis: string };
  nodes: {
    count: number;
    path: string[];
    parent: ArrayLike<number>;
    resets: Column;
    type: string[];
    kind: string[];
    purpose: string[];
    label: string[][];
    visible: Column;
    /** Inside a native instance: it cannot be edited. Older servers do not tell. */
    proxy?: Column;
    /** 12 numbers a row. */
    local: number[] | Affines;
  };
  points: {
    count: number;
    instancer: ArrayLike<number>;
    id: ArrayLike<number>;
    visible: Column;
    local: number[] | Affines;
  };
  prototypes: PrototypeJson[];
  instances: {
    count: number;
    prototype: number[] | Int32Array;
    node: ArrayLike<number>;
    prim: ArrayLike<number>;
    point: ArrayLike<number>;
    local: number[] | Affines | null;
    materialSet: ArrayLike<number>;
    object: ArrayLike<number>;
    visible: Column;
  };
  objects: ObjectTable;
  /** Drawings that bones bend, with the node of each bone. */
  skins?: { instance: number; nodes: number[] }[];
  materialSets: number[][];
  materials: MaterialJson[];
  textures: TextureJson[];
  cameras: CameraJson[];
  lights: LightJson[];
  signals: SignalJson[];
  bindings: Record<string, string[]>;
}

export interface Instances {
  readonly count: number;
  readonly prototype: Int32Array;
  readonly node: Int32Array;
  readonly prim: Int32Array;
  readonly point: Int32Array;
  readonly materialSet: Int32Array;
  readonly object: Int32Array;
  /** Whether it can be drawn at all: authored visible, of purpose default or render. */
  readonly drawable: Uint8Array;
  /** node_from_geometry, or null where all are the identity. */
  readonly local: Affines | null;
}

export class SceneData {
  readonly primCount: number;
  readonly nodeCount: number;
  /** What transforms hang from: -1 = the world. */
  readonly transformParent: Int32Array;
  /** What the tree, visibility and styles hang from: -1 = none. */
  readonly treeParent: Int32Array;
  /** parent_from_node as authored. */
  readonly local: Affines;
  readonly instances: Instances;
  readonly primIndex: ReadonlyMap<string, number>;
  /** Rows of points by instancer: from row `first` on, `count` of them; `byId` only where ids do not count up. */
  private readonly pointsOf = new Map<number, PointRows>();

  constructor(readonly json: SceneJson) {
    const { nodes, points } = json;
    this.primCount = nodes.count;
    this.nodeCount = nodes.count + points.count;
    this.treeParent = new Int32Array(this.nodeCount);
    this.treeParent.set(nodes.parent);
    this.treeParent.set(points.instancer, nodes.count);
    this.transformParent = this.treeParent.slice();
    for (let i = 0; i < nodes.count; i++) if (nodes.resets[i]) this.transformParent[i] = -1;
    this.local = new JoinedAffines(affinesOf(nodes.local), affinesOf(points.local));
    this.instances = readInstances(json);
    this.primIndex = new Map(nodes.path.map((path, i) => [path, i]));
    for (let row = 0; row < points.count; row++) {
      const known = this.pointsOf.get(points.instancer[row]);
      if (known) known.count++;
      else this.pointsOf.set(points.instancer[row], { first: row, count: 1, byId: null });
    }
  }

  /** "/Cell/Arm", or "/Cell/Parcels[3]" for the point with id 3. */
  nodePath(node: number): string {
    const { nodes, points } = this.json;
    if (node < this.primCount) return nodes.path[node];
    const row = node - this.primCount;
    return `${nodes.path[points.instancer[row]]}[${points.id[row]}]`;
  }

  /** The prim that a node is, or the instancer that it belongs to. */
  primOf(node: number): number {
    return node < this.primCount ? node : this.json.points.instancer[node - this.primCount];
  }

  /** The node of a path as `nodePath` writes it; -1 where there is none. */
  nodeAt(path: string): number {
    const prim = this.primIndex.get(path);
    if (prim !== undefined) return prim;
    const match = /^(.*)\[(-?\d+)\]$/.exec(path);
    const instancer = match ? this.primIndex.get(match[1]) : undefined;
    return instancer === undefined ? -1 : this.pointNode(instancer, Number(match![2]));
  }

  /** The node of an instancer's point by its id; -1 where there is none. */
  private pointNode(instancer: number, id: number): number {
    const rows = this.pointsOf.get(instancer);
    if (!rows) return -1;
    const { points } = this.json;
    // Ids mostly count up from the first one.
    const guess = rows.first + id - points.id[rows.first];
    if (points.id[guess] === id && points.instancer[guess] === instancer) return this.primCount + guess;
    rows.byId ??= this.rowsById(instancer);
    return rows.byId.get(id) ?? -1;
  }

  private rowsById(instancer: number): Map<number, number> {
    const { points } = this.json;
    const out = new Map<number, number>();
    for (let row = 0; row < points.count; row++)
      if (points.instancer[row] === instancer) out.set(points.id[row], this.primCount + row);
    return out;
  }
}

interface PointRows {
  readonly first: number;
  count: number;
  byId: Map<number, number> | null;
}

/** Checks what the rest relies on, so that a wrong server gives one sentence instead of a blank page. */
export function readScene(json: SceneJson): SceneData {
  if (json.protocol !== "twin.v1") throw new Error(`the scene speaks ${String(json.protocol)}, this viewer twin.v1`);
  const n = json.nodes.count;
  if (json.nodes.path.length !== n || affinesOf(json.nodes.local).count !== n)
    throw new Error(`the scene's prim table is not whole: ${n} rows announced`);
  return new SceneData(json);
}

function affinesOf(column: number[] | Affines): Affines {
  return Array.isArray(column) ? new RowAffines(column) : column;
}

function readInstances(json: SceneJson): Instances {
  const rows = json.instances;
  const { purpose } = json.nodes;
  const shown = purpose.map((name) => name === "default" || name === "render");
  const drawable = new Uint8Array(rows.count);
  for (let k = 0; k < rows.count; k++) drawable[k] = rows.visible[k] && shown[rows.prim[k]] ? 1 : 0;
  return {
    count: rows.count,
    prototype: typed(rows.prototype),
    node: typed(rows.node),
    prim: typed(rows.prim),
    point: typed(rows.point),
    materialSet: typed(rows.materialSet),
    object: typed(rows.object),
    drawable,
    local: rows.local === null ? null : affinesOf(rows.local),
  };
}

/** Any numbers as one kind of column. */
function typed(column: ArrayLike<number>): Int32Array {
  if (column instanceof Int32Array) return column;
  const out = new Int32Array(column.length);
  out.set(column);
  return out;
}
