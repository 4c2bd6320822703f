export interface ParsedOptions {
  /** The values that each was given, in order; of a switch "1". */
  options: ReadonlyMap<string, readonly string[]>;
  operands: readonly string[];
}

/** Options of a command, which stand before its operands; undefined where one is not `known`. */
export function parseOptions(
  args: readonly string[],
  known: { values?: readonly string[]; switches?: readonly string[] },
): ParsedOptions | undefined {
  const options = new Map<string, string[]>();
  let at = 0;
  while (args[at]?.startsWith("-")) {
    const name = args[at] ?? "";
    const hasValue = known.values?.includes(name) ?? false;
    const value = hasValue ? args[at + 1] : "1";
    if (value === undefined || !(hasValue || known.switches?.includes(name))) return undefined;
    options.set(name, [...(options.get(name) ?? []), value]);
    at += hasValue ? 2 : 1;
  }
  return { options, operands: args.slice(at) };
}
