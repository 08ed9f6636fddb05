/**
 * Values of a few places spread over a floor: each cell is the mean of all sensors, weighted by one over the squared distance
 * (Shepard 1968). Far from every sensor it fades out, because nothing is known there. Pure.
 */

export interface Sensor {
  readonly x: number;
  readonly y: number;
  readonly value: number;
}

export interface Field {
  /** Lower left corner and size of the floor [m]. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
  /** Row after row from the lower left; NaN where nothing is known. */
  readonly values: Float32Array;
  /** How far each cell can be trusted, 1 at a sensor, falling to 0. */
  readonly trust: Float32Array;
}

/** The floor that sensors speak for: their box and a margin around it [m]. */
export function floorOf(sensors: readonly Sensor[], margin: number): { x: number; y: number; width: number; height: number } {
  const xs = sensors.map(({ x }) => x);
  const ys = sensors.map(({ y }) => y);
  const [x, y] = [Math.min(...xs) - margin, Math.min(...ys) - margin];
  return { x, y, width: Math.max(...xs) + margin - x, height: Math.max(...ys) + margin - y };
}

/** `reach`: distance from the nearest sensor at which trust is one half [m]. */
export function spread(sensors: readonly Sensor[], cells: number, reach: number): Field | null {
  const heard = sensors.filter(({ value }) => Number.isFinite(value));
  if (heard.length === 0) return null;
  const floor = floorOf(heard, 2 * reach);
  const size = Math.max(floor.width, floor.height) / cells;
  const [columns, rows] = [Math.max(2, Math.round(floor.width / size)), Math.max(2, Math.round(floor.height / size))];
  const values = new Float32Array(columns * rows);
  const trust = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const x = floor.x + ((column + 0.5) / columns) * floor.width;
      const y = floor.y + ((row + 0.5) / rows) * floor.height;
      let sum = 0;
      let weights = 0;
      let nearest = Infinity;
      for (const sensor of heard) {
        const squared = (sensor.x - x) ** 2 + (sensor.y - y) ** 2;
        const weight = 1 / Math.max(squared, 1e-6);
        sum += weight * sensor.value;
        weights += weight;
        nearest = Math.min(nearest, squared);
      }
      values[row * columns + column] = sum / weights;
      trust[row * columns + column] = 1 / (1 + nearest / (reach * reach));
    }
  return { ...floor, columns, rows, values, trust };
}
