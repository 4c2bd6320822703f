/** `util.inspect.custom`; importing node:util for it would cost every start 8 ms. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

const HIDDEN = "[redacted]";

/** A value that never prints: interpolation, JSON and `inspect` all show `[redacted]` (I12). */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: only for the program or request that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [INSPECT](): string {
    return HIDDEN;
  }
}
