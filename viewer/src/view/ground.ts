/** A quiet metre grid that fades out, and a plane that catches shadows where the scene has no floor of its own. */
import { Color, Group, Mesh, PlaneGeometry, ShaderMaterial, ShadowMaterial } from "three";
import { center, diagonal, isEmpty, type Box } from "../core/bounds.ts";

const VERTEX = /* glsl */ `
varying vec2 vMetres;
varying vec2 vFromMiddle;
uniform vec2 offset;
void main() {
  vFromMiddle = position.xy;
  vMetres = (modelMatrix * vec4(position, 1.0)).xy + offset;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

const FRAGMENT = /* glsl */ `
varying vec2 vMetres;
varying vec2 vFromMiddle;
uniform vec3 color;
uniform float fade;
uniform float cell;
uniform float axes;
float lines(float size, float width) {
  vec2 at = vMetres / size;
  vec2 step = fwidth(at);
  vec2 near = abs(fract(at - 0.5) - 0.5) / step;
  float line = 1.0 - min(min(near.x, near.y) / width, 1.0);
  return line * (1.0 - smoothstep(0.15, 0.6, max(step.x, step.y)));
}
void main() {
  float strength = max(0.35 * lines(cell, 1.0), 0.75 * lines(cell * 10.0, 1.2));
  float alpha = strength * (1.0 - smoothstep(0.35, 1.0, length(vFromMiddle) / fade));
  vec3 shade = color;
  if (axes > 0.5) {
    // The lines through zero: along x red, along y green.
    vec2 away = abs(vMetres) / fwidth(vMetres);
    float lineX = 1.0 - min(away.y / 1.6, 1.0), lineY = 1.0 - min(away.x / 1.6, 1.0);
    float axis = max(lineX, lineY) * (1.0 - smoothstep(0.35, 1.0, length(vFromMiddle) / fade));
    shade = mix(shade, lineX > lineY ? vec3(0.66, 0.16, 0.13) : vec3(0.2, 0.45, 0.13), axis);
    alpha = max(alpha, axis);
  }
  if (alpha < 0.004) discard;
  gl_FragColor = vec4(shade, alpha);
  #include <colorspace_fragment>
}`;

export class Ground {
  readonly group = new Group();
  private readonly grid: Mesh<PlaneGeometry, ShaderMaterial>;
  private origin: readonly number[] = [0, 0, 0];
  private axes = false;
  private readonly catcher: Mesh<PlaneGeometry, ShadowMaterial>;

  constructor() {
    const uniforms = {
      color: { value: new Color(0x5a646e) },
      fade: { value: 20 },
      cell: { value: 1 },
      offset: { value: [0, 0] },
      axes: { value: 0 },
    };
    const material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms,
      transparent: true,
      depthWrite: false,
    });
    this.grid = new Mesh(new PlaneGeometry(1, 1), material);
    this.grid.renderOrder = -2;
    this.catcher = new Mesh(new PlaneGeometry(1, 1), new ShadowMaterial({ opacity: 0.42, depthWrite: false }));
    this.catcher.receiveShadow = true;
    this.catcher.renderOrder = -1;
    this.group.add(this.grid, this.catcher);
  }

  /** Lays the ground under what is worth looking at. */
  place(framing: Box, origin: readonly number[]): void {
    const middle = isEmpty(framing) ? [0, 0, 0] : center(framing);
    const floor = isEmpty(framing) ? 0 : framing.min[2];
    const fade = Math.max(8, 2.2 * diagonal(framing));
    // A hair below the floor, so that a scene's own floor hides it.
    this.group.position.set(middle[0] - origin[0], middle[1] - origin[1], floor - origin[2] - 0.0015 * fade);
    this.grid.geometry.dispose();
    this.grid.geometry = new PlaneGeometry(2 * fade, 2 * fade);
    this.catcher.geometry.dispose();
    this.catcher.geometry = new PlaneGeometry(2 * fade, 2 * fade);
    const { uniforms } = this.grid.material;
    uniforms.fade.value = fade;
    this.origin = origin;
    this.offset();
  }

  /** Distance of the fine lines [m]; every tenth one is strong. False where it already is. */
  setCell(metres: number): boolean {
    const { cell } = this.grid.material.uniforms;
    if (cell.value === metres) return false;
    cell.value = metres;
    this.offset();
    return true;
  }

  /** Far from zero the lines are counted from nearer by, for float32's sake; zero is then out of sight. */
  private offset(): void {
    const { cell, offset, axes } = this.grid.material.uniforms;
    const turn = 1000 * (cell.value as number);
    const near = this.origin.slice(0, 2).every((value) => Math.abs(value) < turn / 2);
    offset.value = near ? this.origin.slice(0, 2) : [this.origin[0] % turn, this.origin[1] % turn];
    axes.value = this.axes && near ? 1 : 0;
  }

  /** The lines through zero in colour. */
  setAxes(on: boolean): void {
    this.axes = on;
    this.offset();
  }

  set visible(visible: boolean) {
    this.grid.visible = visible;
  }

  get visible(): boolean {
    return this.grid.visible;
  }
}
