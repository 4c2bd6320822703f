const MAX_LINES = 3;
const MAX_LENGTH = 600;
const PROGRESS = /^(?:DRY-RUN MODE -\s+)?(?:Container|Network|Volume|Image)\s+\S+\s+\w+$/;
const REMARK = /^time="[^"]*" level=(?:warning|info|debug) /;
/** Complaints about the files' contents quote them; a value may be a secret. */
const QUOTES_CONTENT =
  /interpolat|environment|variable|unmarshal|env[ _-]?file|\.env\b|yaml|parse|unexpected|invalid/i;
const QUOTED = /"(?:[^"\\]|\\.)*"|`[^`]*`|'[^']*'/g;

/** The last lines of a failed program that say something, without values from the files (I12). */
export function failureText(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !REMARK.test(line));
  const telling = lines.filter((line) => !PROGRESS.test(line));
  const last = (telling.length > 0 ? telling : lines).slice(-MAX_LINES);
  return last.map(withoutContent).join("; ").slice(-MAX_LENGTH);
}

function withoutContent(line: string): string {
  const isFromEngine = line.startsWith("Error response from daemon:");
  return isFromEngine || !QUOTES_CONTENT.test(line) ? line : line.replace(QUOTED, '"…"');
}
