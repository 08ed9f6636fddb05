/** Material, variants, metadata: what a prim is made of, and what it offers. */
import { hexOfLinear } from "../../core/attribute-text.ts";
import { formatNumber } from "../../core/format.ts";
import { deskOf } from "../../edit/desk.ts";
import { refusal } from "../../edit/sentences.ts";
import { h, setText } from "../../ui/dom.ts";
import type { MaterialJson } from "../../wire/scene-data.ts";
import type { Workbench } from "../../workbench.ts";
import { swatchOf } from "./attributes.ts";
import type { PrimJson } from "./detail.ts";
import { facts, primLink, section } from "./section.ts";

export function materialSection(bench: Workbench, path: string, select: (path: string) => void): HTMLElement {
  const part = section("Material");
  const material = bench.scene?.json.materials.find((one) => one.path === path);
  part.body.append(facts([["Material", primLink(path, select)], ...(material ? looksOf(material) : [])]));
  return part.element;
}

function looksOf(material: MaterialJson): [string, string | Node][] {
  const { textures } = material;
  const colour = (name: string, rgb: readonly number[]): Node =>
    textures[name]
      ? document.createTextNode("image")
      : h("span", { class: "swatch-line" }, swatchOf(hexOfLinear(rgb)), hexOfLinear(rgb));
  const number = (name: string, value: number): string => (textures[name] ? "image" : formatNumber(value));
  const rows: [string, string | Node][] = [
    ["Colour", colour("diffuseColor", material.diffuseColor)],
    ["Metallic", number("metallic", material.metallic)],
    ["Roughness", number("roughness", material.roughness)],
  ];
  if (material.opacity < 1 || textures.opacity) rows.push(["Opacity", number("opacity", material.opacity)]);
  if (Math.max(...material.emissiveColor) > 0) rows.push(["Emission", colour("emissiveColor", material.emissiveColor)]);
  if (material.clearcoat > 0) rows.push(["Clearcoat", number("clearcoat", material.clearcoat)]);
  return rows;
}

/** A select for each set; choosing is an edit. */
export function variantSection(bench: Workbench, { path, variantSets }: PrimJson): HTMLElement {
  const part = section("Variants");
  const error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  const desk = deskOf(bench);
  for (const { name, variants, selected } of variantSets) {
    const select = h("select", { "aria-label": `Variant ${name}` });
    select.append(...variants.map((one) => h("option", { value: one }, one)));
    if (!variants.includes(selected)) select.prepend(h("option", { value: selected }, selected || "none"));
    select.value = selected;
    select.disabled = desk.locked !== null;
    if (desk.locked) select.title = desk.locked;
    select.addEventListener("change", async () => {
      const answer = await desk.do({ kind: "variant", path, variantSet: name, variant: select.value }, true);
      setText(error, answer.ok ? "" : refusal(answer));
      error.hidden = answer.ok;
      if (!answer.ok) select.value = selected;
    });
    part.body.append(h("label", { class: "prop-field" }, h("span", {}, name), select));
  }
  part.body.append(error);
  return part.element;
}

export function metadataSection({ metadata }: PrimJson): HTMLElement {
  const part = section("Metadata");
  part.body.append(facts(metadata.map(({ name, value }) => [name.replace(/^(assetInfo|customData):/, ""), value] as const)));
  return part.element;
}
