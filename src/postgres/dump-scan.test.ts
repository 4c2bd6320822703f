import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DumpScan, scanDump } from "./dump-scan.ts";

const DUMP = `--
-- PostgreSQL database cluster dump
--

\\restrict ABC

CREATE ROLE atuin;
CREATE ROLE "odd ""one""";
ALTER ROLE atuin WITH PASSWORD 'SCRAM-SHA-256$4096:x$y:z';

\\unrestrict ABC

--
-- Databases
--

--
-- Database "atuin" dump
--

--
-- PostgreSQL database dump
--

\\restrict DEF

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

CREATE FUNCTION public.trap() RETURNS text LANGUAGE sql AS $$ select '
--
-- Database "fake" dump
--
COPY public.fake (a) FROM stdin;
\\unrestrict DEF
' $$;

COPY public.history (id, "a (b)") FROM stdin;
1\t--
2\t\\\\.
-- Database "fake" dump
\\.

COPY public."Odd "".x"  FROM stdin;
\\.

COMMENT ON TABLE public.history IS 'it''s
COPY public.fake (a) FROM stdin;
E''';
COMMENT ON TABLE public.history IS E'a\\\\\\'
COPY public.fake (a) FROM stdin;
';

--
-- PostgreSQL database dump complete
--

\\unrestrict DEF

--
-- PostgreSQL database cluster dump complete
--

`;

test("a dump says which databases, roles and rows it holds; marks inside data do not count", () => {
  const contents = scanDump(DUMP);
  assert.equal(contents.kind, "cluster");
  assert.equal(contents.isComplete, true);
  assert.equal(contents.serverVersion, "15.18");
  assert.deepEqual(contents.roles, ["atuin", 'odd "one"']);
  assert.deepEqual(contents.databases, [
    {
      name: "atuin",
      tables: [
        { name: "public.history", rows: 3 },
        { name: 'public."Odd "".x"', rows: 0 },
      ],
    },
  ]);
});

test("a dump of one database that creates it says which one that is", () => {
  const dumpOf = (connect: string) =>
    scanDump(`--
-- PostgreSQL database dump
--

\\restrict ABC

DROP DATABASE app;
CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'UTF8';

\\unrestrict ABC
${connect}
\\restrict ABC

COPY public.history (id) FROM stdin;
1
\\connect nowhere
\\.

--
-- PostgreSQL database dump complete
--

\\unrestrict ABC
`);
  const tables = [{ name: "public.history", rows: 2 }];
  const names: [string, string | null][] = [
    ["", null],
    ["\\connect app", "app"],
    ['\\connect "UPPER"', "UPPER"],
    [
      `\\connect -reuse-previous=on "dbname='back\\\\slash \\'quote\\' ""=1""'"`,
      `back\\slash 'quote' "=1"`,
    ],
  ];
  for (const [connect, name] of names) {
    const { databases, isComplete } = dumpOf(connect);
    assert.deepEqual([databases, isComplete], [[{ name, tables }], true], connect);
  }
  const whole = scanDump(DUMP.replace("-- Dumped from", "\\connect nowhere\n-- Dumped from"));
  assert.deepEqual(
    whole.databases.map(({ name }) => name),
    ["atuin"],
    "in a whole dump its sections tell",
  );
});

test("what comes for a table in several parts is counted together, in each database by itself", () => {
  const part = "COPY public.history (id) FROM stdin;\n8\n9\n\\.\n\n";
  const again = DUMP.slice(DUMP.indexOf("--\n-- Database"), DUMP.lastIndexOf("--\n-- PostgreSQL"));
  const twice = `${DUMP.replace("COMMENT ON", `${part}COMMENT ON`)}${again.replace("atuin", "b")}
--
-- PostgreSQL database cluster dump complete
--
`;
  const { databases } = scanDump(twice);
  const rows = databases.map(({ name, tables }) => [name, tables.map((table) => table.rows)]);
  assert.deepEqual(rows, [
    ["atuin", [5, 0]],
    ["b", [3, 0]],
  ]);
});

test("from 16 on a whole dump says whom its memberships come from", () => {
  const makerOf = (version: string, ...grants: string[]) => {
    const text = DUMP.replace("\\unrestrict ABC", `${grants.join("\n")}\n\\unrestrict ABC`);
    return scanDump(text.replaceAll("15.18", version)).bootstrapSuperuser;
  };
  const plain = "GRANT pg_monitor TO atuin WITH INHERIT TRUE GRANTED BY postgres;";
  const odd =
    'GRANT "odd ""one""" TO atuin WITH ADMIN OPTION, INHERIT TRUE GRANTED BY "Root ""it""";';
  const later = "GRANT pg_monitor TO miniflux WITH INHERIT TRUE GRANTED BY atuin;";
  assert.equal(makerOf("17.6"), null);
  assert.equal(makerOf("17.6", plain, later), "postgres");
  assert.equal(makerOf("17.6", odd, plain), 'Root "it"');
  assert.equal(makerOf("15.18", plain), null, "grantors meant nothing then");
  const inData = DUMP.replace("2\t", `${plain}\n2\t`).replaceAll("15.18", "17.6");
  assert.equal(scanDump(inData).bootstrapSuperuser, null);
});

test("how a dump is cut into chunks changes nothing", () => {
  const whole = scanDump(DUMP);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const scan = new DumpScan();
      const bytes = Buffer.from(DUMP);
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        scan.push(bytes.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(scan.end(), whole);
    }),
  );
});

test("a dump cut at any byte is not complete", () => {
  const bytes = Buffer.from(DUMP);
  const last = DUMP.lastIndexOf("complete") + "complete".length;
  for (let length = 0; length < last; length += 1) {
    assert.equal(scanDump(bytes.subarray(0, length)).isComplete, false, `cut at ${length}`);
  }
});

test("something that follows the closing line makes a dump incomplete", () => {
  assert.equal(scanDump(`${DUMP}select 1;\n`).isComplete, false);
});
