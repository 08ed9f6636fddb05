/** UsdPreviewSurface values to three materials, one for each (material, vertex colours, sidedness). */
import {
  Color,
  DoubleSide,
  FrontSide,
  MeshLambertMaterial,
  MeshPhysicalMaterial,
  MeshStandardMaterial,
  ShaderChunk,
  Vector2,
  type Euler,
  type Texture,
} from "three";
import type { MaterialJson, SceneJson, TextureInputJson, TextureJson } from "../wire/scene-data.ts";
import { CUT, patchMaterial } from "./material-patch.ts";
import type { Textures } from "./textures.ts";

/** Surroundings for materials that reflect. */
export interface Environment {
  readonly texture: () => Texture;
  readonly rotation: Euler;
  readonly intensity: number;
}

export class Materials {
  private environment: Environment | null = null;
  private isCut = false;
  private readonly made = new Map<string, MeshStandardMaterial>();
  private readonly plains = new Map<MeshStandardMaterial, MeshLambertMaterial>();

  constructor(
    private readonly json: SceneJson,
    private readonly textures: Textures,
    private readonly onLoad: () => void,
    /** Leaves out maps that cost more than they show without a GPU. */
    private readonly lean: boolean,
  ) {}

  /** The material of a slot: slots beyond a set's list use its first entry. */
  get(materialSet: number, slot: number, hasColors: boolean, doubleSided: boolean, isSolid = !doubleSided): MeshStandardMaterial {
    const set = this.json.materialSets[materialSet] ?? [];
    const index = set[slot] ?? set[0] ?? -1;
    const key = `${index}|${hasColors}|${doubleSided}|${isSolid}`;
    let material = this.made.get(key);
    if (!material) {
      material = this.make(this.json.materials[index] ?? null, hasColors, isSolid);
      material.userData.doubleSided = doubleSided;
      material.userData.isSolid = isSolid;
      material.side = doubleSided || this.isCut ? DoubleSide : FrontSide;
      this.surround(material);
      this.made.set(key, material);
    }
    return material;
  }

  /**
   * A stand-in for a material until all is there: its colour or its texture's mean, lit plainly. All of them share one or two
   * programs, so that the first picture need not wait for twenty.
   */
  plain(material: MeshStandardMaterial): MeshLambertMaterial {
    let plain = this.plains.get(material);
    if (!plain) {
      const { color, emissive, opacity, transparent, depthWrite, vertexColors, side } = material;
      plain = new MeshLambertMaterial({ color, emissive, opacity, transparent, depthWrite, vertexColors, side });
      if (material.emissiveMap) plain.emissive.setScalar(0);
      patchMaterial(plain, {}, ShaderChunk, material.userData.isSolid === true);
      const picture = material.userData.picture as TextureJson | undefined;
      if (picture) {
        const { color: tone } = plain;
        tone.multiplyScalar(0.25);
        this.textures.mean(picture, (mean) => {
          tone.copy(material.color).multiply(mean);
          this.onLoad();
        });
      }
      this.plains.set(material, plain);
    }
    return plain;
  }

  /** Stand-ins are not needed any more. */
  forgetPlain(): void {
    for (const plain of this.plains.values()) plain.dispose();
    this.plains.clear();
  }

  /** Gives materials that reflect these surroundings; null leaves them to the scene's. */
  setEnvironment(environment: Environment | null): void {
    this.environment = environment;
    for (const material of this.made.values()) this.surround(material);
  }

  /** Whether the insides of solids are to be seen. */
  setCut(isCut: boolean): void {
    if (isCut === this.isCut) return;
    this.isCut = isCut;
    CUT.value = isCut ? 1 : 0;
    for (const material of this.made.values()) {
      material.side = isCut || material.userData.doubleSided === true ? DoubleSide : FrontSide;
      material.needsUpdate = true;
      const plain = this.plains.get(material);
      if (plain) [plain.side, plain.needsUpdate] = [material.side, true];
    }
  }

  private surround(material: MeshStandardMaterial): void {
    if (!this.environment || (material.metalness < 0.3 && !material.transparent)) return;
    material.envMap = this.environment.texture();
    material.envMapRotation.copy(this.environment.rotation);
    material.envMapIntensity = this.environment.intensity;
  }

  dispose(): void {
    this.forgetPlain();
    for (const material of this.made.values()) {
      for (const value of Object.values(material) as unknown[])
        if (value !== null && typeof value === "object" && "isTexture" in value && value !== material.envMap)
          (value as Texture).dispose();
      material.dispose();
    }
  }

  private make(json: MaterialJson | null, hasColors: boolean, isSolid: boolean): MeshStandardMaterial {
    if (json === null || json.path === "") return this.fallback(json, hasColors, isSolid);
    const physical = json.clearcoat > 0 || json.useSpecularWorkflow || Math.abs(json.ior - 1.5) > 0.01;
    const material = physical ? this.physical(json) : new MeshStandardMaterial();
    material.color = new Color(...json.diffuseColor);
    material.emissive = new Color(...json.emissiveColor);
    material.metalness = json.useSpecularWorkflow ? 0 : json.metallic;
    material.roughness = Math.max(json.roughness, 0.04);
    material.opacity = json.opacity;
    this.applyTextures(material, json);
    this.applyOpacity(material, json);
    patchMaterial(material, json.textures, ShaderChunk, isSolid);
    return material;
  }

  /** No material is bound: the prim's own display colour, or a neutral grey. */
  private fallback(json: MaterialJson | null, hasColors: boolean, isSolid: boolean): MeshStandardMaterial {
    const color = hasColors ? new Color(1, 1, 1) : new Color(...(json?.diffuseColor ?? [0.18, 0.18, 0.18]));
    const material = new MeshStandardMaterial({
      color,
      roughness: json?.roughness ?? 0.5,
      metalness: 0,
      vertexColors: hasColors,
    });
    patchMaterial(material, {}, ShaderChunk, isSolid);
    return material;
  }

  private physical(json: MaterialJson): MeshPhysicalMaterial {
    const material = new MeshPhysicalMaterial({
      clearcoat: json.clearcoat,
      clearcoatRoughness: json.clearcoatRoughness,
      ior: Math.min(2.333, Math.max(1, json.ior)),
    });
    if (json.useSpecularWorkflow) {
      // F0 is given as a colour; three's is 0.04 (ior 1.5) times specularColor times specularIntensity.
      const f0 = ((material.ior - 1) / (material.ior + 1)) ** 2 || 0.04;
      material.specularColor = new Color(...json.specularColor).multiplyScalar(1 / f0);
    }
    return material;
  }

  private applyTextures(material: MeshStandardMaterial, json: MaterialJson): void {
    const input = (name: string): TextureInputJson | undefined => json.textures[name];
    const texture = (name: string, isColor: boolean): Texture | null => {
      const found = input(name);
      const source = found && this.json.textures[found.texture];
      return found && source ? this.textures.get(source, found, isColor, this.onLoad) : null;
    };
    const color = input("diffuseColor");
    if (color) {
      material.map = texture("diffuseColor", true);
      material.color.setRGB(color.scale[0], color.scale[1], color.scale[2]);
      material.userData.picture = this.json.textures[color.texture];
    }
    const glow = input("emissiveColor");
    if (glow) {
      material.emissiveMap = texture("emissiveColor", true);
      material.emissive.setRGB(glow.scale[0], glow.scale[1], glow.scale[2]);
    }
    if (input("roughness") && this.lean) material.roughness = 0.6;
    else if (input("roughness")) [material.roughnessMap, material.roughness] = [texture("roughness", false), 1];
    if (input("metallic") && !json.useSpecularWorkflow)
      [material.metalnessMap, material.metalness] = [texture("metallic", false), 1];
    if (input("occlusion") && !this.lean) material.aoMap = texture("occlusion", false);
    const normal = input("normal");
    if (normal) {
      material.normalMap = texture("normal", false);
      material.normalScale = new Vector2(normal.scale[0] / 2, normal.scale[1] / 2);
      if (normal.scale[0] === 1) material.normalScale.set(1, 1);
    }
  }

  private applyOpacity(material: MeshStandardMaterial, json: MaterialJson): void {
    const mask = json.textures.opacity;
    const source = mask && this.json.textures[mask.texture];
    if (mask && source) {
      material.opacity = 1;
      material.alphaMap = this.textures.get(source, { ...mask, colorSpace: "raw" }, false, this.onLoad);
    }
    if (json.opacityThreshold > 0) material.alphaTest = json.opacityThreshold;
    else if (mask || json.opacity < 1) {
      material.transparent = true;
      material.depthWrite = false;
    }
  }
}
