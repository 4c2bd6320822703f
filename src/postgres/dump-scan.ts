import { type OpenQuote, quoteAfter } from "./sql-quotes.ts";

/** One table of a dump, as it is written there: a quoted SQL name with its schema. */
export interface DumpedTable {
  name: string;
  rows: number;
}

export interface DumpedDatabase {
  /** Null in a dump of one database that does not say which: one without `--create`. */
  name: string | null;
  tables: DumpedTable[];
}

/** What a plain dump holds, read from its text alone. */
export interface DumpContents {
  /** `cluster` from pg_dumpall, `database` from pg_dump; null: no dump. */
  kind: "cluster" | "database" | null;
  /** Whether the dump ends with the line that pg_dump writes last: else it was cut. */
  isComplete: boolean;
  /** Version of the server that was dumped; null where the dump does not say. */
  serverVersion: string | null;
  /** Version of the dumping client: psql must not be older (facts/postgres section 8). */
  clientVersion: string | null;
  databases: DumpedDatabase[];
  roles: string[];
  /**
   * Whom the memberships in it come from: from version 16 on only this role, the one that initdb
   * made, can give them again. Null where there are none.
   */
  bootstrapSuperuser: string | null;
  hasTablespaces: boolean;
  sqlBytes: number;
}

/** Where a database's section begins in the text, for a restore of that one. */
export interface SectionStart {
  database: string;
  /** The line itself, without line feed. */
  line: Buffer;
}

/** Before this version grantors meant nothing. */
const FIRST_WITH_GRANTORS = 16;

const LINE_FEED = 10;
const BACKSLASH = 92;
const DOT = 46;
/** Longer lines are somebody's data (INSERT statements): only their beginning is looked at. */
const LONGEST_LINE = 16 * 1024 * 1024;
/** Of a row only this much tells whether it ends the table. */
const ROW_BYTES = 3;
const NEEDS_LEXING = /['"$]/;

const CLUSTER_START = "-- PostgreSQL database cluster dump";
const CLUSTER_END = "-- PostgreSQL database cluster dump complete";
const DATABASE_START = "-- PostgreSQL database dump";
const DATABASE_END = "-- PostgreSQL database dump complete";

/**
 * Reads a plain dump as it streams by, in constant memory: what it holds, how many rows each table
 * has in it, and whether it is complete. Marks inside data never count: rows of a COPY are skipped,
 * so is what stands between quotes (function bodies), and between `\restrict KEY` and its `\unrestrict KEY` only that key ends the section.
 */
export class DumpScan {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #table: DumpedTable | null = null;
  /** Of the database that is being read. */
  #tables = new Map<string, DumpedTable>();
  #key: string | null = null;
  #quote: OpenQuote = null;
  #lastMark: string | null = null;
  readonly #onSection: ((start: SectionStart) => void) | null;
  readonly #contents: DumpContents = {
    kind: null,
    isComplete: false,
    serverVersion: null,
    clientVersion: null,
    databases: [],
    roles: [],
    bootstrapSuperuser: null,
    hasTablespaces: false,
    sqlBytes: 0,
  };

  constructor(onSection: ((start: SectionStart) => void) | null = null) {
    this.#onSection = onSection;
  }

  push(chunk: Buffer): void {
    this.#contents.sqlBytes += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, at);
      if (end < 0) {
        this.#keep(chunk.subarray(at));
        return;
      }
      if (this.#restBytes === 0) this.#line(chunk, at, end);
      else {
        this.#keep(chunk.subarray(at, end));
        const line = Buffer.concat(this.#rest);
        this.#rest = [];
        this.#restBytes = 0;
        this.#line(line, 0, line.length);
      }
      at = end + 1;
    }
  }

  /** What was seen; the last line needs no line feed. */
  end(): DumpContents {
    if (this.#restBytes > 0) {
      const line = Buffer.concat(this.#rest);
      this.#line(line, 0, line.length);
      this.#rest = [];
      this.#restBytes = 0;
    }
    const contents = this.#contents;
    const last = contents.kind === "cluster" ? CLUSTER_END : DATABASE_END;
    const major = Number.parseInt(contents.serverVersion ?? "", 10);
    if (!(major >= FIRST_WITH_GRANTORS)) contents.bootstrapSuperuser = null;
    contents.isComplete = contents.kind !== null && this.#table === null && this.#lastMark === last;
    return contents;
  }

  /** The beginning of a line; of a long one only as much as tells what it is. */
  #keep(part: Buffer): void {
    const longest = this.#table === null ? LONGEST_LINE : ROW_BYTES;
    const room = longest - this.#restBytes;
    if (room <= 0 || part.length === 0) return;
    const kept = Buffer.from(part.subarray(0, room));
    this.#rest.push(kept);
    this.#restBytes += kept.length;
  }

  #line(chunk: Buffer, start: number, end: number): void {
    if (this.#table !== null) {
      const isEnd = end - start === 2 && chunk[start] === BACKSLASH && chunk[start + 1] === DOT;
      if (isEnd) this.#table = null;
      else this.#table.rows += 1;
      return;
    }
    if (end === start) return;
    const text = chunk.toString("latin1", start, end);
    const wasQuoted = this.#quote !== null;
    const isCommand = !wasQuoted && text.startsWith("\\");
    if (!isCommand && (wasQuoted || NEEDS_LEXING.test(text))) {
      this.#quote = quoteAfter(text, this.#quote);
    }
    if (wasQuoted || !/^(--|\\|COPY |CREATE |GRANT )/.test(text)) {
      this.#lastMark = null;
      return;
    }
    this.#statement(chunk.toString("utf8", start, end).replace(/\r$/, ""), chunk, start, end);
  }

  #statement(line: string, chunk: Buffer, start: number, end: number): void {
    if (line === "--" || line === "") return;
    const [, word, key] = /^\\(restrict|unrestrict) (\S+)$/.exec(line) ?? [];
    if (word !== undefined) {
      if (word === "restrict") this.#key ??= key ?? null;
      else if (key === this.#key) this.#key = null;
      return;
    }
    this.#lastMark = line;
    if (line.startsWith("--")) this.#comment(line, chunk, start, end);
    else if (line.startsWith("COPY ")) this.#copy(line);
    else if (line.startsWith("CREATE ROLE ")) this.#role(line);
    else if (line.startsWith("GRANT ")) this.#grant(line);
    else if (line.startsWith("CREATE TABLESPACE ")) this.#contents.hasTablespaces = true;
    else if (line.startsWith("\\connect ")) this.#connect(line);
  }

  /** What follows lies in the database of that name, wherever psql began. */
  #connect(line: string): void {
    const { kind, databases } = this.#contents;
    const name = this.#key === null ? connectedTo(line) : null;
    if (kind !== "database" || name === null) return;
    const last = databases.at(-1);
    if (last?.name === null && last.tables.length === 0) last.name = name;
    else this.#database(name);
  }

  #comment(line: string, chunk: Buffer, start: number, end: number): void {
    const contents = this.#contents;
    const [, side, version] = /^-- Dumped (from|by) .*?version (\S+)/.exec(line) ?? [];
    if (side === "from") contents.serverVersion ??= version ?? null;
    if (side === "by") contents.clientVersion ??= version ?? null;
    if (line === CLUSTER_START) contents.kind ??= "cluster";
    if (line === DATABASE_START && contents.kind === null) {
      contents.kind = "database";
      this.#database(null);
    }
    const name = /^-- Database "(.*)" dump$/s.exec(line)?.[1];
    if (name === undefined || this.#key !== null || contents.kind !== "cluster") return;
    this.#database(name);
    this.#onSection?.({ database: name, line: Buffer.from(chunk.subarray(start, end)) });
  }

  #copy(line: string): void {
    const name =
      /^COPY ((?:[^\s."(]+|"(?:[^"]|"")*")(?:\.(?:[^\s."(]+|"(?:[^"]|"")*"))?) .*FROM stdin;$/s.exec(
        line,
      )?.[1];
    if (name === undefined) return;
    const known = this.#tables.get(name);
    // Each partition's rows come by themselves, all of them for the one table above.
    this.#table = known ?? { name, rows: 0 };
    if (known !== undefined) return;
    this.#tables.set(name, this.#table);
    this.#contents.databases.at(-1)?.tables.push(this.#table);
  }

  #database(name: string | null): void {
    this.#contents.databases.push({ name, tables: [] });
    this.#tables = new Map();
  }

  /** pg_dumpall never writes a grant before the one that its grantor has the right from. */
  #grant(line: string): void {
    const { kind, databases } = this.#contents;
    if (kind !== "cluster" || databases.length > 0) return;
    const [, quoted, bare] =
      /^GRANT .* GRANTED BY (?:"((?:[^"]|"")*)"|([^\s";]+));$/.exec(line) ?? [];
    this.#contents.bootstrapSuperuser ??= quoted?.replaceAll('""', '"') ?? bare ?? null;
  }

  #role(line: string): void {
    const quoted = /^CREATE ROLE (?:"((?:[^"]|"")*)"|([^\s;]+));$/.exec(line);
    const name = quoted?.[1]?.replaceAll('""', '"') ?? quoted?.[2];
    if (name !== undefined) this.#contents.roles.push(name);
  }
}

/** The name as pg_dump writes it: bare, quoted, or in a connection string where it is unusual. */
function connectedTo(line: string): string | null {
  const [, isString, quoted, bare] =
    /^\\connect (-reuse-previous=on )?(?:"((?:[^"]|"")*)"|([^\s"]+))$/.exec(line) ?? [];
  const word = quoted?.replaceAll('""', '"') ?? bare ?? null;
  if (isString === undefined || word === null) return word;
  return /^dbname='(.*)'$/s.exec(word)?.[1]?.replaceAll(/\\(.)/gs, "$1") ?? null;
}

/** Scans a whole text at once; for small ones. */
export function scanDump(text: string | Buffer): DumpContents {
  const scan = new DumpScan();
  scan.push(Buffer.from(text));
  return scan.end();
}
