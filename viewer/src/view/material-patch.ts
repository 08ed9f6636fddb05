/**
 * Changes to three's standard shader: a tint an instance, and UsdPreviewSurface's choice of texture channels.
 *
 * three reads roughness from G, metalness from B, occlusion from R and opacity from G, without scale and bias;
 * UsdPreviewSurface names channel, scale and bias for each input.
 */
import type { Material, WebGLProgramParametersWithUniforms } from "three";
import type { TextureInputJson } from "../wire/scene-data.ts";

/** Name of the per-instance attribute: roots of linear rgb, and strength. */
export const TINT_ATTRIBUTE = "twinTint";

/** Colour of cut solids, linear rgb, and whether anything is cut: shared by all materials. */
export const CUT = { value: 0 };
const CUT_COLOR = "vec3( 0.42, 0.16, 0.07 )";

type Shader = WebGLProgramParametersWithUniforms;

/** GLSL expression for one channel of `sample`, scaled and biased; null where the plain one is meant. */
function scalar(input: TextureInputJson, sample: string, usual: string): string | null {
  const channel = "rgba".includes(input.channel) && input.channel.length === 1 ? input.channel : "r";
  const k = "rgba".indexOf(channel);
  const [scale, bias] = [input.scale[k], input.bias[k]];
  if (channel === usual && scale === 1 && bias === 0) return null;
  return `( ${sample}.${channel} * ${scale.toFixed(6)} + ${bias.toFixed(6)} )`;
}

interface Swap {
  readonly chunk: string;
  readonly from: string;
  readonly to: string;
}

/** The replacements that these inputs need in three's shader chunks. */
export function channelSwaps(textures: Readonly<Record<string, TextureInputJson>>): Swap[] {
  const swaps: Swap[] = [];
  const add = (name: string, chunk: string, sample: string, usual: string): void => {
    const expression = textures[name] ? scalar(textures[name], sample, usual) : null;
    if (expression) swaps.push({ chunk, from: `${sample}.${usual}`, to: expression });
  };
  add("roughness", "roughnessmap_fragment", "texelRoughness", "g");
  add("metallic", "metalnessmap_fragment", "texelMetalness", "b");
  add("opacity", "alphamap_fragment", "texture2D( alphaMap, vAlphaMapUv )", "g");
  add("occlusion", "aomap_fragment", "texture2D( aoMap, vAoMapUv )", "r");
  return swaps;
}

/** Installs the patches; materials that need the same ones share a program. */
export function patchMaterial(
  material: Material,
  textures: Readonly<Record<string, TextureInputJson>>,
  chunks: Readonly<Record<string, string>>,
  /** Whether back faces are the inside of something. */
  isSolid: boolean,
): void {
  const swaps = channelSwaps(textures);
  const key = `twin|${isSolid}|${swaps.map((swap) => swap.chunk + swap.to).join("|")}`;
  material.customProgramCacheKey = () => key;
  material.onBeforeCompile = (shader: Shader) => {
    addTint(shader);
    if (isSolid) addCut(shader);
    for (const { chunk, from, to } of swaps)
      shader.fragmentShader = shader.fragmentShader.replace(`#include <${chunk}>`, chunks[chunk].replace(from, to));
  };
}

function addTint(shader: Shader): void {
  shader.vertexShader = shader.vertexShader
    .replace("#include <common>", `#include <common>\nattribute vec4 ${TINT_ATTRIBUTE};\nvarying vec4 vTint;`)
    .replace("#include <begin_vertex>", `#include <begin_vertex>\nvTint = vec4( ${TINT_ATTRIBUTE}.rgb * ${TINT_ATTRIBUTE}.rgb, ${TINT_ATTRIBUTE}.a );`);
  shader.fragmentShader = shader.fragmentShader
    .replace("#include <common>", "#include <common>\nvarying vec4 vTint;")
    .replace(
      "#include <alphamap_fragment>",
      "diffuseColor.rgb = mix( diffuseColor.rgb, vTint.rgb, vTint.a );\n#include <alphamap_fragment>",
    )
    .replace(
      "#include <emissivemap_fragment>",
      "#include <emissivemap_fragment>\ntotalEmissiveRadiance = mix( totalEmissiveRadiance, vTint.rgb * 0.2, vTint.a );",
    );
}

/** Back faces of solids are flat: seen through a cut they are its filling. */
function addCut(shader: Shader): void {
  shader.uniforms.twinCut = CUT;
  shader.fragmentShader = shader.fragmentShader
    .replace("#include <common>", "#include <common>\nuniform float twinCut;")
    .replace(
      "#include <tonemapping_fragment>",
      `if ( twinCut > 0.5 && ! gl_FrontFacing ) gl_FragColor = vec4( ${CUT_COLOR}, 1.0 );\n#include <tonemapping_fragment>`,
    );
}
