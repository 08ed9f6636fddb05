/** A row of elements that features add, in order. Hidden while it is empty. */
import { byId } from "../ui/dom.ts";

export class Slots {
  private readonly places: { readonly element: HTMLElement; readonly order: number }[] = [];
  private readonly root: HTMLElement;

  constructor(id: string) {
    this.root = byId(id);
    this.draw();
  }

  add(element: HTMLElement, order: number): () => void {
    const place = { element, order };
    this.places.push(place);
    this.places.sort((a, b) => a.order - b.order);
    this.draw();
    return () => {
      this.places.splice(this.places.indexOf(place), 1);
      this.draw();
    };
  }

  private draw(): void {
    this.root.replaceChildren(...this.places.map(({ element }) => element));
    this.root.hidden = this.places.length === 0;
  }
}
