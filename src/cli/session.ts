/** Configuration and context of one invocation, made when a command first asks for them. */
import { findFile } from "../config/find-file.ts";
import type { LoadedConfig, LoadRequest } from "../config/load-types.ts";
import { keep, type ParseCacheStore, readKept } from "../config/parse-cache.ts";
import { CONFIG_INVALID, CONFIG_UNREADABLE } from "../errors.ts";
import type { State } from "../state/state.ts";
import type { Progress } from "../update/outcome.ts";
import { Secret } from "../values/secret.ts";
import type { WiredContext, WireOptions } from "../wire.ts";

export interface Session {
  /** The configuration's secrets, for texts that were made without our care. */
  readonly secrets: ReadonlySet<string>;
  /** Throws CONFIG_UNREADABLE or CONFIG_INVALID with all problems. */
  loadConfig(): Promise<LoadedConfig>;
  /**
   * Opens state and adapters; closed by `close`. `stateCheck: "schema"` suffices for commands that
   * only show something and must start fast.
   */
  openContext(options?: ContextOptions): Promise<WiredContext>;
  /** A maker of contexts that the caller closes: the daemon needs a fresh one for each run. */
  contextMaker(): Promise<(options: ContextOptions) => WiredContext>;
  /** Only the state, for commands that need no engine. Closed by `close`. */
  openState(): Promise<State>;
  close(): Promise<void>;
}

export interface ContextOptions {
  progress?: Progress;
  stop?: AbortSignal;
  stateCheck?: "full" | "schema";
  /** How long a run stays to empty the outbox; the daemon's sender goes on by itself. */
  outboxStayMs?: number;
}

export interface SessionOptions {
  configPath: string | undefined;
  environment: NodeJS.ProcessEnv;
  workingFolder: string;
  /** Filled with the configuration's secrets, so that no error shows one. */
  secrets: Set<string>;
}

/** A session that has loaded nothing yet. */
export function newSession(options: SessionOptions): Session {
  let loaded: LoadedConfig | null = null;
  let context: WiredContext | null = null;
  let state: State | null = null;

  async function loadConfig(): Promise<LoadedConfig> {
    loaded ??= await readConfig(options);
    return loaded;
  }

  async function contextMaker(): Promise<(options: ContextOptions) => WiredContext> {
    const { config } = await loadConfig();
    const { wire } = await import("../wire.ts");
    return ({ progress, stop, stateCheck, outboxStayMs }) =>
      wire({
        config,
        progress: progress ?? (() => {}),
        stop: stop ?? new AbortController().signal,
        secrets: [...options.secrets],
        stateCheck: stateCheck ?? "schema",
        environment: options.environment,
        ...(outboxStayMs === undefined ? {} : { outboxStayMs }),
        ...stepObserver(),
      });
  }

  return {
    secrets: options.secrets,
    loadConfig,
    contextMaker,
    openContext: async (given = {}) => {
      context = (await contextMaker())(given);
      return context;
    },
    openState: async () => {
      const { config } = await loadConfig();
      const { openState } = await import("../state/open-state.ts");
      state ??= openState(config.state, { check: "schema" });
      return state;
    },
    close: async () => {
      const isDue = await isAnyDue(context?.state ?? state);
      // A command that needs no engine has opened its state only.
      if (isDue && context === null) context = (await contextMaker())({});
      state?.close();
      if (isDue && context !== null) await goOnSending(context);
      await context?.close();
    },
  };
}

async function isAnyDue(state: State | null): Promise<boolean> {
  if (state === null) return false;
  const { isDeliveryDue } = await import("../state/outbox.ts");
  return isDeliveryDue(state);
}

/** Without the daemon, messages that wait go out with the next command of any kind. */
async function goOnSending(context: WiredContext): Promise<void> {
  if (context.stop.aborted) return;
  const { sendOutbox } = await import("../update/send-outbox.ts");
  await sendOutbox(context, 0);
}

async function readConfig(options: SessionOptions): Promise<LoadedConfig> {
  const { readFileSync } = process.getBuiltinModule("node:fs");
  const request: LoadRequest = {
    path: options.configPath,
    environment: options.environment,
    workingFolder: options.workingFolder,
    readFile: (path) => readFileSync(path, "utf8"),
  };
  const found = findFile(request);
  if (!found.ok) throw CONFIG_UNREADABLE(found.file, found.why);
  const store = openParseCache(options.environment);
  const kept = store === null ? null : readKept(found.text, store);
  const [raw, { makeConfig }] = await Promise.all([
    kept ?? import("../config/parse-yaml.ts").then(({ parseYaml }) => parseYaml(found.text)),
    import("../config/make-config.ts"),
  ]);
  const result = makeConfig(found.file, raw, request);
  if (result.ok) {
    collectSecrets(result.config, options.secrets);
    if (kept === null && store !== null) {
      keep(found.text, raw, options.secrets, store);
    }
    return result;
  }
  if (result.kind === "unreadable") throw CONFIG_UNREADABLE(result.file, result.why);
  const { formatProblem } = await import("../config/problems.ts");
  throw CONFIG_INVALID(
    result.file,
    result.problems.map((problem) => formatProblem(result.file, problem)),
  );
}

/** Beside the compiled code; the launcher names the folder, which no other user can write to. */
function openParseCache({ PRATIQUE_CACHE }: NodeJS.ProcessEnv): ParseCacheStore | null {
  if (PRATIQUE_CACHE === undefined || PRATIQUE_CACHE === "") return null;
  const path = `${PRATIQUE_CACHE}/config.json`;
  const files = process.getBuiltinModule("node:fs");
  return {
    read: () => {
      try {
        return files.readFileSync(path, "utf8");
      } catch {
        return null;
      }
    },
    write: (content) => {
      const temporary = `${path}.${process.pid}`;
      try {
        files.mkdirSync(PRATIQUE_CACHE, { recursive: true, mode: 0o700 });
        files.writeFileSync(temporary, content, { mode: 0o600 });
        files.renameSync(temporary, path);
      } catch {
        // No such folder, no permission, no space: the next start parses again.
        removeIfThere(temporary);
      }
    },
  };
}

function removeIfThere(path: string): void {
  try {
    process.getBuiltinModule("node:fs").unlinkSync(path);
  } catch {
    // It was not there, or cannot be reached.
  }
}

/** The fault tests end the process at a journal commit: their preload script leaves a hook here. */
function stepObserver(): Pick<WireOptions, "onStep"> {
  const hook: unknown = Reflect.get(globalThis, Symbol.for("pratique.onStep"));
  return typeof hook === "function" ? { onStep: (event) => hook(event) } : {};
}

function collectSecrets(value: unknown, secrets: Set<string>): void {
  if (value instanceof Secret) secrets.add(value.reveal());
  else if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) collectSecrets(inner, secrets);
  }
}
