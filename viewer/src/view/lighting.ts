/** The scene's lights as three lights, an environment made on the spot, and one shadow. */
import {
  AmbientLight,
  Color,
  DirectionalLight,
  Group,
  HemisphereLight,
  PMREMGenerator,
  PointLight,
  SpotLight,
  type Light,
  type Scene,
  type Texture,
  type WebGLRenderer,
} from "three";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import { center, diagonal, isEmpty, type Box } from "../core/bounds.ts";
import type { Surround } from "../core/indirect.ts";
import { lightLevels, type LightLevels, type LocalLight } from "../core/light-levels.ts";
import type { SceneData, TextureJson } from "../wire/scene-data.ts";
import type { Environment } from "./materials.ts";
import { loadSky, skyRotation, type Sky } from "./sky.ts";

/** Local lights that cast shadows, where the GPU has 32 textures at once, and where it has fewer. */
const SHADOWED = [4, 2] as const;
/** Local lights that are lit one by one. */
const MAX_LOCAL = 6;
/** Radiance that a white surface gets from the room environment, mean of six directions (up 1.6, down 0.5). */
const ROOM_RADIANCE = 1.0;
/** Edge of the area around the middle that gets shadows, at most [m]. */
const MAX_SHADOW_EXTENT = 120;

export class Lighting {
  /** What reflects in metals; in a lean view only those see the environment, which is dear without a GPU. */
  environment: Environment | null = null;
  private readonly group = new Group();
  private readonly sun = new DirectionalLight();
  /** What `apply` made of the scene's lights. */
  told: LightLevels | null = null;
  private room: Texture | null = null;
  private sky: Sky | null = null;
  private skyHash = "";
  private prefiltered: Texture | null = null;

  constructor(
    private readonly scene: Scene,
    private readonly renderer: WebGLRenderer,
    private readonly lean: boolean,
    /** The sky came: materials are to get it, and the picture is to be drawn. */
    private readonly onSky: () => void,
  ) {
    this.sun.shadow.mapSize.setScalar(lean ? 1024 : 2048);
    this.sun.shadow.radius = 3;
    this.sun.shadow.intensity = 0.9;
    scene.add(this.group);
  }

  /** Made when first needed: without a GPU that takes a second or two. */
  private surroundings(): Texture {
    if (this.room) return this.room;
    const pmrem = new PMREMGenerator(this.renderer);
    this.room = pmrem.fromScene(new RoomEnvironment(), 0.03).texture;
    pmrem.dispose();
    return this.room;
  }

  /** Whether surfaces are lit without an environment and without shadows: what the first picture need not wait for. */
  isPlain = true;

  /**
   * `world`: world_from_node of all nodes; `framing`: the box worth lighting; `origin`: of the view; `surround`: what throws
   * light back, null where nobody looked.
   */
  apply(
    data: SceneData,
    world: Float64Array,
    framing: Box,
    origin: readonly number[],
    surround: Surround | null,
  ): void {
    const middle = isEmpty(framing) ? ([0, 0, 0] as [number, number, number]) : center(framing);
    const radius = Math.max(0.5 * diagonal(framing), 0.5);
    const levels = lightLevels(data.json.lights, world, middle, radius, this.lean ? 0 : MAX_LOCAL, surround);
    this.told = levels;
    for (const child of this.group.children) if (child !== this.sun) (child as Partial<Light>).dispose?.();
    this.group.clear();
    this.placeSun(levels, middle, radius, origin);
    this.surround(data, world, levels.ambient);
    this.group.add(this.fill(levels));
    const most = SHADOWED[this.renderer.capabilities.maxTextures >= 32 ? 0 : 1];
    levels.locals.forEach((light, k) => {
      const made = local(light, origin);
      if (made instanceof SpotLight && k < most && !this.isPlain) shadow(made, radius);
      this.group.add(made);
    });
    this.group.traverse((object) => object.updateMatrixWorld());
  }

  /** The map of the scene's dome, if it has one, else a room. */
  private surround(data: SceneData, world: Float64Array, ambient: number): void {
    this.sun.castShadow = !this.isPlain && this.sun.intensity > 0;
    if (this.isPlain) {
      this.environment = this.scene.environment = null;
      return;
    }
    const dome = data.json.lights.find((light) => light.kind === "dome" && light.texture !== null);
    const json = dome ? data.json.textures[dome.texture as number] : undefined;
    if (dome && json && json.hash !== this.skyHash) this.fetchSky(json);
    if (!json) this.forgetSky();
    const sky = json ? this.sky : null;
    const { scene } = this;
    if (sky && dome) scene.environmentRotation.copy(skyRotation(dome, world));
    else scene.environmentRotation.set(Math.PI / 2, 0, 0); // the room's ceiling is at +Y; the world is Z-up
    scene.environmentIntensity = ambient / (sky ? Math.max(sky.mean, 1e-6) : ROOM_RADIANCE);
    if (!this.lean) scene.environment = sky ? this.skyMap(sky) : this.surroundings();
    this.environment = this.lean
      ? {
          texture: () => (sky ? this.skyMap(sky) : this.surroundings()),
          rotation: scene.environmentRotation,
          intensity: scene.environmentIntensity,
        }
      : null;
  }

  private fetchSky(json: TextureJson): void {
    this.forgetSky();
    this.skyHash = json.hash;
    loadSky(json, new URL(".", window.location.href).href).then(
      (sky) => {
        if (this.skyHash !== json.hash) return;
        this.sky = sky;
        this.onSky();
      },
      (error: unknown) => console.warn(`the dome's map ${json.name} cannot be shown:`, error),
    );
  }

  private forgetSky(): void {
    this.prefiltered?.dispose();
    this.sky?.texture.dispose();
    [this.sky, this.prefiltered, this.skyHash] = [null, null, ""];
  }

  private skyMap(sky: Sky): Texture {
    if (!this.prefiltered) {
      const pmrem = new PMREMGenerator(this.renderer);
      this.prefiltered = pmrem.fromEquirectangular(sky.texture).texture;
      pmrem.dispose();
    }
    return this.prefiltered;
  }

  /** Light from all sides: all of it in a lean view, else a little on top of the environment. */
  private fill({ ambient, bounce }: LightLevels): Light {
    if (!this.lean && !this.isPlain) return new AmbientLight(0xffffff, (0.08 * ambient + bounce) * Math.PI);
    const sky = new HemisphereLight(0xffffff, 0x9a9894, 1.5 * ambient * Math.PI);
    sky.position.set(0, 0, 1);
    return sky;
  }

  private placeSun(levels: LightLevels, middle: readonly number[], radius: number, origin: readonly number[]): void {
    const { towards, color, intensity } = levels.sun;
    const extent = Math.min(radius * 1.08, MAX_SHADOW_EXTENT / 2);
    const { sun } = this;
    sun.color = new Color(...color);
    sun.intensity = intensity;
    sun.target.position.set(middle[0] - origin[0], middle[1] - origin[1], middle[2] - origin[2]);
    sun.position
      .set(towards[0], towards[1], towards[2])
      .multiplyScalar(radius * 3)
      .add(sun.target.position);
    const { camera } = sun.shadow;
    Object.assign(camera, {
      left: -extent,
      right: extent,
      top: extent,
      bottom: -extent,
      near: radius * 0.5,
      far: radius * 5.5,
    });
    camera.up.set(0, 0, 1);
    camera.updateProjectionMatrix();
    // One texel of the map, as the normal's offset and the depth's bias.
    const texel = (2 * extent) / sun.shadow.mapSize.x;
    sun.shadow.normalBias = texel * 1.5;
    sun.shadow.bias = -0.0004;
    this.group.add(sun, sun.target);
  }
}

/** A soft shadow of a lamp: of a wide angle, so of few texels each. */
function shadow(spot: SpotLight, radius: number): void {
  spot.castShadow = true;
  spot.shadow.mapSize.setScalar(1024);
  spot.shadow.camera.near = 0.1;
  spot.shadow.camera.far = 4 * radius;
  spot.shadow.radius = 4;
  spot.shadow.normalBias = 0.03;
  spot.shadow.bias = -0.0006;
}

function local(light: LocalLight, origin: readonly number[]): SpotLight | PointLight {
  const color = new Color(...light.color);
  const [x, y, z] = light.position.map((value, c) => value - origin[c]);
  if (light.kind === "point") {
    const point = new PointLight(color, light.intensity, 0, 2);
    point.position.set(x, y, z);
    return point;
  }
  const spot = new SpotLight(color, light.intensity, 0, 1.35, 1, 2);
  spot.position.set(x, y, z);
  spot.target.position.set(x + light.direction[0], y + light.direction[1], z + light.direction[2]);
  spot.add(spot.target);
  spot.target.position.sub(spot.position);
  return spot;
}
