/**
 * The scene as `/api/scene` describes it (docs/protocol.md, section 2), its columns as typed arrays. Pure.
 */

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
    parent: number[];
    resets: boolean[];
    type: string[];
    kind: string[];
    purpose: string[];
    label: string[][];
    visible: boolean[];
    local: number[];
  };
  points: { count: number; instancer: number[]; id: number[]; visible: boolean[]; local: number[] };
  prototypes: PrototypeJson[];
  instances: {
    count: number;
    prototype: number[];
    node: number[];
    prim: number[];
    point: number[];
    local: number[] | null;
    materialSet: number[];
    object: number[];
    visible: boolean[];
  };
  objects: ObjectJson[];
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
  /** node_from_geometry, 16 values a row, or null where all are the identity. */
  readonly local: Float64Array | null;
}

export class SceneData {
  readonly primCount: number;
  readonly nodeCount: number;
  /** What transforms hang from: -1 = the world. */
  readonly transformParent: Int32Array;
  /** What the tree, visibility and styles hang from: -1 = none. */
  readonly treeParent: Int32Array;
  /** parent_from_node as authored, 16 values a node, row-major. */
  readonly local: Float64Array;
  readonly instances: Instances;
  readonly primIndex: ReadonlyMap<string, number>;
  private readonly pointNode = new Map<string, number>();

  constructor(readonly json: SceneJson) {
    const { nodes, points } = json;
    this.primCount = nodes.count;
    this.nodeCount = nodes.count + points.count;
    this.treeParent = Int32Array.from([...nodes.parent, ...points.instancer]);
    this.transformParent = this.treeParent.map((parent, i) => (i < nodes.count && nodes.resets[i] ? -1 : parent));
    this.local = new Float64Array(this.nodeCount * 16);
    expand(nodes.local, this.local, 0);
    expand(points.local, this.local, nodes.count * 16);
    this.instances = readInstances(json);
    this.primIndex = new Map(nodes.path.map((path, i) => [path, i]));
    points.id.forEach((id, row) => this.pointNode.set(`${points.instancer[row]}:${id}`, nodes.count + row));
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
    return instancer === undefined ? -1 : (this.pointNode.get(`${instancer}:${match![2]}`) ?? -1);
  }
}

/** Checks what the rest relies on, so that a wrong server gives one sentence instead of a blank page. */
export function readScene(json: SceneJson): SceneData {
  if (json.protocol !== "twin.v1") throw new Error(`the scene speaks ${String(json.protocol)}, this viewer twin.v1`);
  const n = json.nodes.count;
  if (json.nodes.path.length !== n || json.nodes.local.length !== 12 * n)
    throw new Error(`the scene's prim table is not whole: ${n} rows announced`);
  return new SceneData(json);
}

/** 12 numbers a row to 16. */
function expand(rows: readonly number[], out: Float64Array, at: number): void {
  for (let row = 0; row * 12 < rows.length; row++) {
    for (let c = 0; c < 12; c++) out[at + row * 16 + c] = rows[row * 12 + c];
    out[at + row * 16 + 15] = 1;
  }
}

function readInstances(json: SceneJson): Instances {
  const rows = json.instances;
  const { purpose } = json.nodes;
  const shown = (prim: number): boolean => purpose[prim] === "default" || purpose[prim] === "render";
  let local: Float64Array | null = null;
  if (rows.local) expand(rows.local, (local = new Float64Array(rows.count * 16)), 0);
  return {
    count: rows.count,
    prototype: Int32Array.from(rows.prototype),
    node: Int32Array.from(rows.node),
    prim: Int32Array.from(rows.prim),
    point: Int32Array.from(rows.point),
    materialSet: Int32Array.from(rows.materialSet),
    object: Int32Array.from(rows.object),
    drawable: Uint8Array.from(rows.visible, (visible, k) => (visible && shown(rows.prim[k]) ? 1 : 0)),
    local,
  };
}
