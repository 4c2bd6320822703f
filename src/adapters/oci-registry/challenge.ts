/** What a registry asks for in `WWW-Authenticate` (RFC 9110 section 11). */
export type Challenge =
  | { scheme: "basic" }
  | { scheme: "bearer"; realm: string; service: string | null; scope: string | null };

const MAX_HEADER_LENGTH = 8192;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[0-9A-Za-z._~+/-]+=*(?=\s*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SPACE = /[ \t]*/y;
const COMMAS = /[ \t]*(?:,[ \t]*)*/y;

/**
 * The challenge to answer: Bearer where it is offered with a realm, else Basic; null when there
 * is neither, or the header is malformed before one was found.
 */
export function parseChallenge(header: string | null | undefined): Challenge | null {
  const found = readChallenges(header ?? "");
  for (const { scheme, parameters } of found) {
    const realm = parameters.get("realm");
    if (scheme !== "bearer" || realm === undefined) continue;
    const service = parameters.get("service") ?? null;
    return { scheme, realm, service, scope: parameters.get("scope") ?? null };
  }
  return found.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : null;
}

interface RawChallenge {
  scheme: string;
  parameters: Map<string, string>;
}

function readChallenges(header: string): RawChallenge[] {
  const challenges: RawChallenge[] = [];
  if (header.length > MAX_HEADER_LENGTH) return challenges;
  let position = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(header);
    if (match === null) return null;
    position = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  take(COMMAS);
  // Each round takes at least one character or ends.
  while (position < header.length) {
    const name = take(TOKEN)?.toLowerCase();
    if (name === undefined) break;
    const hasSpace = take(SPACE) !== "";
    if (header[position] === "=" && challenges.length > 0) {
      position += 1;
      take(SPACE);
      const value = take(QUOTED)?.replaceAll(/\\(.)/g, "$1") ?? take(TOKEN);
      if (value === null) break;
      const parameters = challenges.at(-1)?.parameters;
      // The first one counts: a repeated parameter must not replace it.
      if (parameters?.has(name) === false) parameters.set(name, value);
    } else {
      challenges.push({ scheme: name, parameters: new Map() });
      if (hasSpace && !isParameterAhead(header, position)) take(TOKEN68);
    }
    take(COMMAS);
  }
  return challenges;
}

function isParameterAhead(header: string, position: number): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*[^=\s,]/.test(header.slice(position));
}
