/**
 * Items in order, in pages of bounded size, like the leaves of a B-tree: finding costs two binary searches, inserting
 * and deleting a shift within one page.
 */
const PAGE_ITEMS = 512;

export class SortedPages<T> {
  readonly #compare: (a: T, b: T) => number;
  #pages: T[][] = [[]];

  /** @param compare Zero: one item takes the place of the other. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The item that equals this one. */
  get(item: T): T | undefined {
    const page = this.#pages[this.#pageOf(item)]!;
    const found = page[this.#indexIn(page, item)];
    return found !== undefined && this.#compare(found, item) === 0 ? found : undefined;
  }

  put(item: T): void {
    const at = this.#pageOf(item);
    const page = this.#pages[at]!;
    const index = this.#indexIn(page, item);
    const found = page[index];
    page.splice(index, found !== undefined && this.#compare(found, item) === 0 ? 1 : 0, item);
    if (page.length > PAGE_ITEMS) this.#pages.splice(at + 1, 0, page.splice(PAGE_ITEMS / 2));
  }

  delete(item: T): void {
    const at = this.#pageOf(item);
    const page = this.#pages[at]!;
    const index = this.#indexIn(page, item);
    const found = page[index];
    if (found === undefined || this.#compare(found, item) !== 0) return;
    page.splice(index, 1);
    if (page.length === 0 && this.#pages.length > 1) this.#pages.splice(at, 1);
  }

  clear(): void {
    this.#pages = [[]];
  }

  /** The items from this one on, it included; without one, all. Nothing may change meanwhile. */
  *from(item?: T): Generator<T> {
    const at = item === undefined ? 0 : this.#pageOf(item);
    for (let i = at; i < this.#pages.length; i++) {
      const page = this.#pages[i]!;
      for (let j = i === at && item !== undefined ? this.#indexIn(page, item) : 0; j < page.length; j++) {
        yield page[j]!;
      }
    }
  }

  /** The first page whose last item does not come before this one, or the last page. */
  #pageOf(item: T): number {
    let low = 0;
    let high = this.#pages.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const page = this.#pages[middle]!;
      if (this.#compare(page[page.length - 1]!, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexIn(page: readonly T[], item: T): number {
    let low = 0;
    let high = page.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(page[middle]!, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
