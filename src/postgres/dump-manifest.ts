import type { DumpContents } from "./dump-scan.ts";

/** Written beside each file that pratique makes: proves what it is, and that it is ours. */
export interface DumpManifest {
  schema: 1;
  /** `cluster`: pg_dumpall, gzip. `database`: one database in PostgreSQL's custom format. */
  kind: "cluster" | "database";
  host: string;
  container: string;
  /** Why it was made; also the folder below `backups.postgres`. */
  occasion: Occasion;
  createdAt: string;
  /** Of the file as it lies there. */
  sizeBytes: number;
  sha256: string;
  serverVersion: string;
  clientVersion: string | null;
  systemIdentifier: string;
  /** Bytes of SQL before compression; null in older manifests of the custom format. */
  sqlBytes: number | null;
  databases: readonly ManifestDatabase[];
  /** Databases that refuse connections: pg_dumpall leaves them out without a word. */
  leftOut: readonly string[];
  roles: readonly string[];
  /** See DumpContents; absent in older manifests. */
  bootstrapSuperuser?: string | null;
}

export interface ManifestDatabase {
  name: string;
  extensions: readonly { name: string; version: string }[];
  /** Rows of each table in the dump itself; null in older manifests of the custom format. */
  tables: readonly { name: string; rows: number }[] | null;
}

/** Folders below `backups.postgres`. */
export const OCCASIONS = ["daily", "manual", "pre-update"] as const;

export type Occasion = (typeof OCCASIONS)[number];

/** The manifest's path for a dump's. */
export function manifestPath(path: string): string {
  return `${path}.json`;
}

/** Reads a manifest; null where the text is none of ours. */
export function parseManifest(text: string): DumpManifest | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return null;
    const { schema, kind, sha256, sizeBytes, databases, roles, container } = parsed as Partial<
      Record<keyof DumpManifest, unknown>
    >;
    const isOurs =
      schema === 1 &&
      (kind === "cluster" || kind === "database") &&
      typeof sha256 === "string" &&
      typeof sizeBytes === "number" &&
      typeof container === "string" &&
      Array.isArray(databases) &&
      Array.isArray(roles);
    return isOurs ? (parsed as DumpManifest) : null;
  } catch {
    return null;
  }
}

/** What of a manifest a dump's own text does not bear out; empty when all does. */
export function contradictions(manifest: DumpManifest, contents: DumpContents): string[] {
  const problems: string[] = [];
  const found = new Map(contents.databases.map(({ name, tables }) => [name, tables]));
  for (const { name, tables } of manifest.databases) {
    const there = found.get(name);
    if (there === undefined) {
      problems.push(`database ${name} is missing`);
      continue;
    }
    const rows = new Map(there.map((table) => [table.name, table.rows]));
    // Earlier versions listed a partitioned table once for each of its partitions.
    const listed = new Map<string, number>();
    for (const table of tables ?? []) {
      listed.set(table.name, (listed.get(table.name) ?? 0) + table.rows);
    }
    for (const [table, count] of listed) {
      if (rows.get(table) !== count) {
        problems.push(`${name}: ${table} has ${rows.get(table) ?? "no"} rows, not ${count}`);
      }
    }
  }
  const roles = new Set(contents.roles);
  for (const role of manifest.roles) {
    if (!roles.has(role)) problems.push(`role ${role} is missing`);
  }
  return problems;
}
