import { relative } from "node:path";
import type { BackupReport } from "../../postgres/back-up-now.ts";
import type { StoredBackup } from "../../postgres/dump-store.ts";
import type { VerifiedDump } from "../../postgres/verify-dump.ts";
import { formatBytes } from "../../values/bytes.ts";
import { counted } from "./sizes.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { localTime } from "./time.ts";
import { visible } from "./visible.ts";

/** A stored backup with what a look into it said; null: not looked. */
export type ListedDump = StoredBackup & { check: string | null };

/** What `backup postgres` made. */
export function madeDumpLines({ dumps, removed, failed }: BackupReport): string[] {
  const made = dumps.map(({ path, manifest }) => {
    const databases = counted(manifest.databases.length, "database");
    return `${visible(path)}: ${formatBytes(manifest.sizeBytes)}, ${databases}, verified`;
  });
  const leftOut = [...new Set(dumps.flatMap(({ manifest }) => manifest.leftOut))];
  if (leftOut.length > 0) {
    made.push(`Not in it, because they refuse connections: ${visible(leftOut.join(", "))}`);
  }
  return [
    ...made,
    ...removed.map((path) => `removed ${visible(path)}`),
    ...failed.map(({ container, code, why }) => `${visible(container)}: ${visible(why)} (${code})`),
  ];
}

/** What `backup verify` found. */
export function verifiedDumpLines({ path, sizeBytes, manifest, contents }: VerifiedDump): string[] {
  const proof =
    manifest === null
      ? "complete; it has no manifest, so nothing tells whether it was changed"
      : "complete, and as its manifest says";
  const lines = [`${visible(path)}: ${formatBytes(sizeBytes)}, ${proof}.`];
  for (const { name, tables } of contents?.databases ?? []) {
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    lines.push(
      `  ${visible(name ?? "(one database)")}: ${counted(tables.length, "table")}, ${counted(rows, "row")}`,
    );
  }
  if (contents === null) {
    lines.push("  custom format: `pratique backup drill` reads it by pg_restore");
  }
  return lines;
}

/** Everything that can be restored, newest first. */
export function storedLines(
  folder: string,
  backups: readonly ListedDump[],
  options: { width: number; paint: Paint },
): string[] {
  if (backups.length === 0) return [`There are no database backups below ${visible(folder)}.`];
  return table(
    [
      { header: "FILE", cell: ({ path }) => relative(folder, path), shrinksTo: 30 },
      { header: "DATE", cell: ({ createdAtMs }) => localTime(createdAtMs) },
      { header: "SIZE", cell: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
      { header: "KIND", cell: kindText },
      { header: "SERVER", cell: ({ manifest }) => manifest?.serverVersion.split(" ")[0] ?? "-" },
      {
        header: "CHECK",
        cell: checkText,
        tone: ({ check }) => (check === null || check === "good" ? "plain" : "bad"),
        shrinksTo: 12,
      },
      { header: "DATABASES", cell: databasesText, shrinksTo: 12 },
    ],
    backups,
    options,
  );
}

function kindText({ kind, manifest }: ListedDump): string {
  if (kind === "snapshot") return "cold copy";
  if (manifest === null) return "by hand";
  return manifest.kind === "cluster" ? "whole" : "one";
}

function checkText({ check, manifest }: ListedDump): string {
  if (check !== null) return check;
  return manifest === null ? "no manifest" : "not read";
}

function databasesText({ kind, manifest }: ListedDump): string {
  if (manifest === null) return "-";
  const names =
    kind === "snapshot" ? manifest.databases : manifest.databases.map(({ name }) => name);
  return names.join(", ");
}
