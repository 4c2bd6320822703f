/** `npm run lab:prepare`: downloads and unpacks what the lab needs, once. */
import { cacheFolder, preparePart } from "./cache.ts";
import { LAB_PARTS } from "./programs.ts";

/** Prepares whatever is missing, all at the same time. Says what it does only if it does something. */
export async function prepareLab(say: (line: string) => void): Promise<void> {
  await Promise.all(LAB_PARTS.map((part) => preparePart(part, say)));
}

if (import.meta.main) {
  const startMs = performance.now();
  await prepareLab((line) => console.log(line));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`The lab is ready in ${cacheFolder()} (${seconds} s).`);
}
