/** What initdb has to be told for a cluster like another one. */
import type { Helper } from "./helper.ts";

/** Locale, encoding and checksums as a running server has them. */
export const INIT_FACTS = `select pg_encoding_to_char(encoding) as encoding, datcollate as collate,
  datctype as ctype, current_setting('data_checksums') as checksums,
  current_setting('wal_segment_size') as "walSegment",
  coalesce(to_jsonb(d)->>'datlocprovider', 'c') as provider,
  coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') as locale,
  current_setting('server_version_num')::int as "versionNumber",
  pg_get_userbyid(10) as "bootstrapSuperuser"
  from pg_database d where datname = 'template0'`;

/** Whether the data directory that a server was stopped on has page checksums; false where none is. */
export async function withChecksums(helper: Helper, folder: string): Promise<boolean> {
  const script = 'pg_controldata -D "$1" 2>/dev/null || true';
  const text = await helper.run(["/bin/sh", "-c", script, "checksums", folder]);
  return /^Data page checksum version: +[1-9]/m.test(text);
}

/** From this version on checksums are there unless they are refused. */
const CHECKSUMS_BY_DEFAULT = 180_000;

export interface InitFacts {
  encoding: string;
  collate: string;
  ctype: string;
  checksums: string;
  walSegment: string;
  /** `c` libc, `i` ICU, `b` builtin. */
  provider: string;
  /** Of ICU and builtin. */
  locale: string | null;
  versionNumber: number;
  /** Made the cluster, and cannot be dropped. */
  bootstrapSuperuser: string;
}

/** The arguments of initdb that make a cluster like that. */
export function initArguments(facts: InitFacts): string[] {
  const provider = { i: "icu", b: "builtin" }[facts.provider] ?? null;
  const mayHaveNone = facts.versionNumber >= CHECKSUMS_BY_DEFAULT ? ["--no-data-checksums"] : [];
  return [
    `--encoding=${facts.encoding}`,
    `--lc-collate=${facts.collate}`,
    `--lc-ctype=${facts.ctype}`,
    ...(provider === null ? [] : [`--locale-provider=${provider}`]),
    ...(provider === null || facts.locale === null ? [] : [`--${provider}-locale=${facts.locale}`]),
    ...(facts.checksums === "on" ? ["--data-checksums"] : mayHaveNone),
  ];
}
