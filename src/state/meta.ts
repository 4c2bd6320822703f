import type { State } from "./state.ts";

/** A remembered value by name; null when it was never set. */
export function readMeta(state: State, key: string): string | null {
  const row = state.database.prepare("SELECT value FROM meta WHERE key = ?").get(key);
  return row === undefined ? null : String(row.value);
}

/** Remembers a small value by name. */
export function writeMeta(state: State, key: string, value: string): void {
  state.transaction(() => {
    state.database
      .prepare(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      )
      .run(key, value);
  });
}
