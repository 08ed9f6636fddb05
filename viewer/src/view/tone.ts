/** The tone map of `twinstage render` ("soft"): light as it is up to a shoulder, then an exponential approach to white. */
import { ShaderChunk } from "three";

const PLAIN = "vec3 CustomToneMapping( vec3 color ) { return color; }";
const SOFT = /* glsl */ `
vec3 CustomToneMapping( vec3 color ) {
  color *= toneMappingExposure;
  vec3 over = 1.0 - 0.2 * exp( -( max( color, 0.8 ) - 0.8 ) / 0.2 );
  return mix( color, over, step( 0.8, color ) );
}`;

/** Makes it three's custom tone map. */
export function likeTheRenderer(): void {
  const { tonemapping_pars_fragment: chunk } = ShaderChunk;
  if (!chunk.includes(PLAIN) && !chunk.includes(SOFT)) throw new Error("three's tone mapping is not as expected");
  ShaderChunk.tonemapping_pars_fragment = chunk.replace(PLAIN, SOFT);
}
