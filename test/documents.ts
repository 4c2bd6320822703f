/** The commands that documents show: every fenced `sh` or `console` block, and who executes it. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

export interface DocumentBlock {
  page: string;
  line: number;
  /** Without the indentation of its list. Of a `console` block: the lines behind `$ `. */
  text: string;
  /** The comment right before the block: `real host: why` or `executed by: FILE`. */
  mark: { kind: "real host" | "executed by"; text: string } | null;
}

/** README, docs/ and examples/: what an operator reads. */
export function documentPages(): string[] {
  return ["README.md", ...globSync("{docs,examples}/**/*.md", { cwd: ROOT }).sort()];
}

const BLOCK =
  /(?:^ *<!-- (real host|executed by): ([^>]+?) -->\n)?^( *)```(sh|console)\n([\s\S]*?)^ *```$/gm;

export function documentBlocks(page: string): DocumentBlock[] {
  const whole = readFileSync(join(ROOT, page), "utf8");
  return [...whole.matchAll(BLOCK)].map((match) => {
    const [, kind, why = "", indent = "", language, body = ""] = match;
    const lines = body.split("\n").map((line) => line.slice(indent.length));
    const commands =
      language === "console"
        ? lines.filter((line) => line.startsWith("$ ")).map((line) => `${line.slice(2)}\n`)
        : [lines.join("\n")];
    return {
      page,
      line: whole.slice(0, match.index).split("\n").length,
      text: commands.join(""),
      mark: kind === undefined ? null : { kind: kind as "real host", text: why },
    };
  });
}
