import type { LabOptions } from "../../lab/lab-types.ts";
import { sliceOf } from "../../lab/slice-of.ts";

interface TestedEngine {
  /** In test titles. */
  name: string;
  options: Pick<LabOptions, "engine" | "imageStore">;
}

/** Every engine of the test matrix. */
const ALL: readonly TestedEngine[] = [
  { name: "26.1", options: { engine: "26.1" } },
  { name: "26.1 with containerd", options: { engine: "26.1", imageStore: "containerd" } },
  { name: "20.10", options: { engine: "20.10" } },
];

export const ENGINES = sliceOf(ALL, ({ name }) => name, ["26.1", "20.10"]);
