import { test } from "node:test";
import { assertSliceConverges } from "./slice.ts";

test("whatever happens to an update by engine that would be committed, it converges", async (t) => {
  await assertSliceConverges("engine-commit", t);
});

test("whatever happens to an update by engine that would be rolled back, it converges", async (t) => {
  await assertSliceConverges("engine-rollback", t);
});
