/**
 * Throws an AssertionError when the condition does not hold: a bug of ours, never an operator's
 * mistake. `node:assert` is loaded only then, because its import costs every start 2 ms.
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (condition) return;
  const { AssertionError } = process.getBuiltinModule("node:assert");
  throw new AssertionError({ message, stackStartFn: invariant });
}
