import { CONTAINER_UNKNOWN, EXIT, USAGE } from "../../errors.ts";
import { idsText } from "../../policy/decision-text.ts";
import { addApproval } from "../../state/approvals.ts";
import { knownCandidate } from "../../state/candidates.ts";
import { queueEntry } from "../../state/queue.ts";
import type { State } from "../../state/state.ts";
import { type Digest, shortDigest } from "../../values/digest.ts";
import { parseDuration } from "../../values/duration.ts";
import { nearest } from "../../values/nearest.ts";
import { type CommandInput, type CommandRun, textOption } from "../command.ts";
import { localTime } from "../render/time.ts";
import { visible } from "../render/visible.ts";
import type { Session } from "../session.ts";

/** Findings that somebody looked at once must be looked at again (DESIGN section 7). */
const DEFAULT_EXPIRES = "30d";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const [container = ""] = input.arguments;
  const reason = textOption(input, "reason")?.trim() ?? "";
  if (reason === "") throw USAGE("An approval needs --reason: somebody will ask for it.");
  const expiresAtMs = expiry(input);
  const ids = findingIds(input);
  const state = await session.openState();
  await assertKnown(container, state, session);
  const digest = ids.length > 0 ? null : waitingDigest(container, state);
  const approval = addApproval(state, {
    container,
    digest,
    ids,
    reason,
    by: whoAsks(),
    expiresAtMs,
  });
  output.result({ schema: 1, approval }, () => {
    const what = digest === null ? idsText(ids) : `digest ${shortDigest(digest)}`;
    return [
      `Approved for ${visible(container)}: ${visible(what)}, until ${localTime(expiresAtMs)}.`,
      `\`pratique update ${visible(container)}\` uses it now; else the next run does.`,
    ];
  });
  return EXIT.done;
};

function expiry(input: CommandInput): number {
  const text = textOption(input, "expires") ?? DEFAULT_EXPIRES;
  const durationMs = parseDuration(text);
  if (durationMs === null || durationMs <= 0) {
    throw USAGE(`--expires must be a duration such as 30d, not "${text}".`);
  }
  return Date.now() + durationMs;
}

function findingIds({ options }: CommandInput): string[] {
  const given = Array.isArray(options.cve) ? options.cve.map(String) : [];
  // `--cve A,B` is what hands type who know other tools.
  const ids = given.flatMap((text) => text.split(",")).filter((id) => id !== "");
  for (const id of ids) {
    if (!/^[A-Za-z]+-[A-Za-z0-9._:-]+$/.test(id)) {
      throw USAGE(`--cve takes ids such as CVE-2026-1234, not "${id}".`);
    }
  }
  return [...new Set(ids.map((id) => (/^cve-/i.test(id) ? id.toUpperCase() : id)))];
}

/** The digest that waits in the queue, else the candidate that was seen last. */
function waitingDigest(container: string, state: State): Digest {
  const digest =
    queueEntry(state, container)?.digest ?? knownCandidate(state, container)?.candidate ?? null;
  if (digest !== null) return digest;
  throw USAGE(
    `No digest of ${container} waits for an approval; --cve approves findings in advance.`,
  );
}

/** An approval for a mistyped name would wait for ever. The engine is asked only when it must. */
async function assertKnown(container: string, state: State, session: Session): Promise<void> {
  if (queueEntry(state, container) !== null || knownCandidate(state, container) !== null) return;
  const { ports } = await session.openContext();
  const names = (await ports.engine.listContainers()).map(({ name }) => name);
  if (!names.includes(container)) throw CONTAINER_UNKNOWN(container, nearest(container, names));
}

/** Who is at the keyboard, as well as one can know: for people who read the approval later. */
function whoAsks(): string {
  const { SUDO_USER, USER, LOGNAME } = process.env;
  return SUDO_USER || USER || LOGNAME || "unknown";
}
