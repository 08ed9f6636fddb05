/** Colours of classes: those of the contact sheet, told apart on dark and on light pictures. */
export type Rgb = readonly [number, number, number];

export const PALETTE: readonly Rgb[] = [
  [0, 158, 222], [255, 159, 28], [46, 196, 112], [231, 76, 108], [155, 110, 243], [241, 214, 50],
  [26, 188, 176], [240, 98, 190], [139, 195, 74], [121, 134, 203], [255, 112, 67], [144, 164, 174],
];

/** The colour of the class or instance with that place from 0. */
export function colorOf(place: number): Rgb {
  return PALETTE[((place % PALETTE.length) + PALETTE.length) % PALETTE.length];
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r}, ${g}, ${b})`;
}
