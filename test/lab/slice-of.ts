/** Whether every case of the long tables is taken: `npm run faults` does it. */
export const isFull = process.env.PRATIQUE_FAULTS === "full";

/** The cases of a long table that `npm test` has time for, by name: each kind of end once. */
export function sliceOf<Case>(
  all: readonly Case[],
  nameOf: (each: Case) => string,
  slice: readonly string[],
): readonly Case[] {
  const missing = slice.filter((name) => !all.some((each) => nameOf(each) === name));
  if (missing.length > 0) throw new Error(`No case is called ${missing.join(", ")}`);
  return isFull ? all : all.filter((each) => slice.includes(nameOf(each)));
}
