import { test } from "node:test";
import { assertSliceConverges } from "./slice.ts";

test("whatever happens to an update by compose that would be committed, it converges", async (t) => {
  await assertSliceConverges("compose-commit", t);
});

test("whatever happens to an update by compose that would be rolled back, it converges", async (t) => {
  await assertSliceConverges("compose-rollback", t);
});
