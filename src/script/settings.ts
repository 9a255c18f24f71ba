/** Names that are on or off: as the scripts set them up, and what handlers have changed of that since. */
export class Settings {
  readonly #base = new Set<string>();
  readonly #changed: Map<string, boolean>;

  constructor(changed: Iterable<readonly [name: string, isOn: boolean]> = []) {
    this.#changed = new Map(changed);
  }

  /** All that are on. */
  get on(): readonly string[] {
    const names = [...this.#base].filter((name) => this.#changed.get(name) !== false);
    for (const [name, isOn] of this.#changed) if (isOn && !this.#base.has(name)) names.push(name);
    return names;
  }

  isOn(name: string): boolean {
    return this.#changed.get(name) ?? this.#base.has(name);
  }

  /** As it is set up. */
  setUp(name: string, isOn: boolean): void {
    if (isOn) this.#base.add(name);
    else this.#base.delete(name);
  }

  /** A change since. Returns what is to be stored of it: undefined for nothing, when it is as it was set up. */
  change(name: string, isOn: boolean): boolean | undefined {
    if (this.#base.has(name) !== isOn) {
      this.#changed.set(name, isOn);
      return isOn;
    }
    this.#changed.delete(name);
    return undefined;
  }
}
