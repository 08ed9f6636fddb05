/** The scene document with its columns as bytes (docs/protocol.md, section 2) as the document itself. Pure. */
import { PartAffines, type Affines, type Part } from "../core/affine.ts";
import type { LabelLevel, ObjectJson, ObjectTable, SceneJson } from "./scene-data.ts";

export const COLUMNS_TYPE = "application/vnd.twinstage.scene-columns";
const MAGIC = "twincol1";
const HEAD = 16;

type Numbers = Uint8Array | Uint16Array | Int32Array | Float64Array;

interface ColumnJson {
  readonly column: string;
  readonly n: number;
  readonly at?: number;
  readonly value?: number | boolean;
  readonly from?: number;
  readonly parts?: readonly ColumnJson[];
}

interface ObjectsJson {
  readonly count: number;
  readonly prim: ColumnJson;
  readonly point: ColumnJson;
  readonly set: ColumnJson;
  readonly sets: readonly { class: string; labels: string[]; levels?: readonly LabelLevel[] }[];
}

/** Throws Error where the bytes are no such document. */
export function readColumns(data: ArrayBuffer): SceneJson {
  const bytes = new Uint8Array(data);
  const text = new TextDecoder();
  if (bytes.length < HEAD || text.decode(bytes.subarray(0, 8)) !== MAGIC)
    throw new Error("the scene's columns do not begin as such");
  const size = Number(new DataView(data).getBigUint64(8, true));
  const start = HEAD + size;
  if (start > bytes.length) throw new Error("the scene's columns are cut off");
  const json = JSON.parse(text.decode(bytes.subarray(HEAD, start))) as Record<string, unknown>;
  const read = (column: ColumnJson): ArrayLike<number> => numbers(column, data, start);
  for (const name of ["nodes", "points", "instances"]) expandTable(json[name] as Record<string, unknown>, read);
  const paths = (json.nodes as { path: string[] }).path;
  json.objects = new ObjectRows(json.objects as ObjectsJson, paths, read);
  return json as unknown as SceneJson;
}

function isColumn(value: unknown): value is ColumnJson {
  return typeof value === "object" && value !== null && "column" in value;
}

function expandTable(table: Record<string, unknown>, read: (column: ColumnJson) => ArrayLike<number>): void {
  for (const [name, value] of Object.entries(table))
    if (isColumn(value)) table[name] = value.column === "affine" ? affines(value, read) : read(value);
}

function affines({ n, parts }: ColumnJson, read: (column: ColumnJson) => ArrayLike<number>): Affines {
  const whole = (part: ColumnJson): Part => (part.column === "constant" ? Number(part.value) : read(part));
  return new PartAffines(n, (parts ?? []).map(whole));
}

function numbers(column: ColumnJson, data: ArrayBuffer, start: number): Numbers {
  const { n } = column;
  if (column.column === "constant") {
    const value = Number(column.value);
    return (value >= 0 && value < 256 ? new Uint8Array(n) : new Int32Array(n)).fill(value);
  }
  if (column.column === "range") {
    const from = column.from ?? 0;
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = from + i;
    return out;
  }
  const at = start + (column.at ?? 0);
  switch (column.column) {
    case "u1":
      return new Uint8Array(data, at, n);
    case "u2":
      return new Uint16Array(data, at, n);
    case "i4":
      return new Int32Array(data, at, n);
    case "f8":
      return new Float64Array(data, at, n);
    default:
      throw new Error(`the scene has a column of kind ${column.column}, which this viewer does not know`);
  }
}

/** Objects, made one by one when they are asked for. */
class ObjectRows implements ObjectTable {
  readonly length: number;
  private readonly prim: ArrayLike<number>;
  private readonly point: ArrayLike<number>;
  private readonly set: ArrayLike<number>;

  constructor(
    private readonly table: ObjectsJson,
    private readonly paths: readonly string[],
    read: (column: ColumnJson) => ArrayLike<number>,
  ) {
    this.length = table.count;
    [this.prim, this.point, this.set] = [read(table.prim), read(table.point), read(table.set)];
  }

  at(k: number): ObjectJson | undefined {
    if (k < 0 || k >= this.length) return undefined;
    const prim = this.prim[k];
    const { class: name, labels, levels } = this.table.sets[this.set[k]];
    return { id: k + 1, prim, path: this.paths[prim], point: this.point[k], class: name, labels, levels };
  }
  *[Symbol.iterator](): Iterator<ObjectJson> {
    for (let k = 0; k < this.length; k++) yield this.at(k) as ObjectJson;
  }

  find(test: (object: ObjectJson) => boolean): ObjectJson | undefined {
    for (const object of this) if (test(object)) return object;
    return undefined;
  }

  filter(test: (object: ObjectJson) => boolean): ObjectJson[] {
    const out: ObjectJson[] = [];
    for (const object of this) if (test(object)) out.push(object);
    return out;
  }
}
