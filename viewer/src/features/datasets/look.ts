/** A record's camera -> one that the 3D view can look through. Pure. */
import type { RecordCamera } from "../../datasets/types.ts";
import type { CameraJson } from "../../wire/scene-data.ts";

/** `world`: world_from_camera row by row, in USD's axes: y up, looking along -z. The record's are OpenCV's. */
export function lookOf(camera: RecordCamera): { readonly json: CameraJson; readonly world: Float64Array } {
  const [width, height] = camera.resolution;
  const [across, down] = [width / camera.K[0][0], height / camera.K[1][1]];
  const flat = camera.projection.kind === "orthographic";
  const m = camera.world_from_camera;
  const world = Float64Array.from([0, 1, 2, 3].flatMap((r) => [m[r][0], -m[r][1], -m[r][2], m[r][3]]));
  const json: CameraJson = {
    ...{ name: camera.name, path: `dataset:${camera.name}`, node: 0, near: 0.01, far: 1e6 },
    projection: flat ? "orthographic" : "perspective",
    // Of a perspective their ratio counts; a flat picture is so many thousandths of a metre wide and high.
    horizontalAperture: across * 1000,
    verticalAperture: down * 1000,
    verticalFov: 2 * Math.atan(Math.min(down, 20) / 2),
  };
  return { json, world };
}
