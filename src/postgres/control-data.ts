/** What `pg_controldata` says of a data directory that no server has open. */
export interface ControlData {
  /** `shut down`, `in production`, ... */
  state: string;
  systemIdentifier: string;
  checkpoint: string;
}

/** Reads the program's answer (LC_ALL=C); missing lines are empty. */
export function parseControlData(text: string): ControlData {
  const lines = new Map(
    text.split("\n").map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
  return {
    state: lines.get("Database cluster state") ?? "",
    systemIdentifier: lines.get("Database system identifier") ?? "",
    checkpoint: lines.get("Latest checkpoint location") ?? "",
  };
}
