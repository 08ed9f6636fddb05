/** three's renderer as the picture needs it, and what it can do on this machine. */
import { BasicShadowMap, CustomToneMapping, PCFShadowMap, WebGLRenderer, type Camera, type Object3D, type Scene } from "three";
import { likeTheRenderer } from "./tone.ts";

/** How often is asked whether the GPU is done [ms]. */
const POLL_MS = 5;

/** `lean`: without the dearest effects. */
export function makeRenderer(canvas: HTMLCanvasElement, lean: boolean): WebGLRenderer {
  const renderer = new WebGLRenderer({
    canvas,
    antialias: !lean,
    alpha: true,
    stencil: true,
    powerPreference: "high-performance",
  });
  renderer.setClearColor(0x000000, 0);
  likeTheRenderer();
  renderer.toneMapping = CustomToneMapping;
  renderer.toneMappingExposure = 1;
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = lean ? BasicShadowMap : PCFShadowMap;
  renderer.shadowMap.autoUpdate = false;
  renderer.setOpaqueSort(nearFirst);
  return renderer;
}

/** Calls `then` once all that was drawn so far is really there. */
export function whenShown(renderer: WebGLRenderer, then: () => void): void {
  const gl = renderer.getContext() as WebGL2RenderingContext;
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  const look = (): void => {
    if (fence && !gl.isContextLost() && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) {
      window.setTimeout(look, POLL_MS);
      return;
    }
    gl.deleteSync(fence);
    then();
  };
  window.setTimeout(look, 0);
}

interface Sortable {
  readonly object: Object3D;
  readonly renderOrder: number;
}

function nearFirst(a: Sortable, b: Sortable): number {
  return (
    a.renderOrder - b.renderOrder || (Number(a.object.userData.reach) || 0) - (Number(b.object.userData.reach) || 0)
  );
}

/** Whether WebGL runs on the processor (SwiftShader, llvmpipe). */
export function isSoftware(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = gl && info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

/** Begins to make the programs of what is in the scene now; resolves when they can be used without waiting. */
export function compiled(renderer: WebGLRenderer, scene: Scene, camera: Camera): Promise<unknown> {
  if (renderer.extensions.has("KHR_parallel_shader_compile")) return renderer.compileAsync(scene, camera);
  renderer.compile(scene, camera);
  return new Promise<void>((resolve) => whenShown(renderer, resolve));
}
