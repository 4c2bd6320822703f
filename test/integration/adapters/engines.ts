import type { LabOptions } from "../../lab/lab-types.ts";

/** Every engine of the test matrix, with its name in test titles. */
export const ENGINES: ReadonlyArray<{
  name: string;
  options: Pick<LabOptions, "engine" | "imageStore">;
}> = [
  { name: "26.1", options: { engine: "26.1" } },
  { name: "26.1 with containerd", options: { engine: "26.1", imageStore: "containerd" } },
  { name: "20.10", options: { engine: "20.10" } },
];
